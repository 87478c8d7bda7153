import { type Address, addressToBytes, ByteReader, type Family, Prefix } from "@ocicat/net";
import { Attributes, type MessageWriter, NLM_F_CREATE, NLM_F_EXCL } from "@ocicat/netlink";
import type { Rule } from "../kernel/kernel.ts";
import { RT_TABLE_COMPAT, RTM_DELRULE, RTM_GETRULE, RTM_NEWRULE } from "./constants.ts";
import { addressFamily, addressIn, familyFrom } from "./family.ts";
import { FixedHeader } from "./header.ts";

const FRA_DST = 1;
const FRA_SRC = 2;
const FRA_PRIORITY = 6;
const FRA_FWMARK = 10;
const FRA_TABLE = 15;
const FRA_FWMASK = 16;
const FRA_PROTOCOL = 21;
const FR_ACT_TO_TBL = 1;

/*
 *      0        1         2         3     4       5   7        8            12
 *      +--------+---------+---------+-----+-------+---+--------+------------+- - - - - -
 *      | family | dst len | src len | tos | table | 0 | action | flags      | attributes
 *      +--------+---------+---------+-----+-------+---+--------+------------+- - - - - -
 */
const HEADER = 12;

/** Undefined for rules that do not lead to a table (unreachable, goto, …). */
export function ruleFrom(payload: Uint8Array): Rule | undefined {
  const reader = new ByteReader(payload);
  const family = familyFrom(reader.u8());
  const destinationLength = reader.u8();
  const sourceLength = reader.u8();
  reader.skip(1);
  const shortTable = reader.u8();
  reader.skip(2);
  const action = reader.u8();
  if (family === undefined || action !== FR_ACT_TO_TBL) return undefined;
  const attributes = new Attributes(payload.subarray(HEADER));
  const mark = attributes.u32(FRA_FWMARK);
  const mask = attributes.u32(FRA_FWMASK);
  return {
    family,
    priority: attributes.u32(FRA_PRIORITY) ?? 0,
    table: attributes.u32(FRA_TABLE) ?? shortTable,
    source: prefixIn(addressIn(attributes.bytes(FRA_SRC)), sourceLength),
    destination: prefixIn(addressIn(attributes.bytes(FRA_DST)), destinationLength),
    mark,
    // The whole mark is the default and is not worth a word.
    markMask: mask === FULL_MASK ? undefined : mask,
    protocol: attributes.u8(FRA_PROTOCOL) ?? 0,
  };
}

const FULL_MASK = 0xffff_ffff;

function prefixIn(address: Address | undefined, length: number): Prefix | undefined {
  return address === undefined ? undefined : Prefix.of(address, length);
}

export function encodeGetRules(out: MessageWriter, flags: number, sequence: number, family: Family): void {
  out.begin(RTM_GETRULE, flags, sequence, new FixedHeader(HEADER).u8(0, addressFamily(family)).bytes);
}

export function encodeAddRule(out: MessageWriter, flags: number, sequence: number, rule: Rule): void {
  encode(out, RTM_NEWRULE, flags | NLM_F_CREATE | NLM_F_EXCL, sequence, rule);
}

export function encodeDeleteRule(out: MessageWriter, flags: number, sequence: number, rule: Rule): void {
  encode(out, RTM_DELRULE, flags, sequence, rule);
}

function encode(out: MessageWriter, type: number, flags: number, sequence: number, rule: Rule): void {
  const header = new FixedHeader(HEADER)
    .u8(0, addressFamily(rule.family))
    .u8(1, rule.destination?.length ?? 0)
    .u8(2, rule.source?.length ?? 0)
    .u8(4, rule.table > 255 ? RT_TABLE_COMPAT : rule.table)
    .u8(7, FR_ACT_TO_TBL);
  out.begin(type, flags, sequence, header.bytes).u32(FRA_PRIORITY, rule.priority).u8(FRA_PROTOCOL, rule.protocol);
  if (rule.table > 255) out.u32(FRA_TABLE, rule.table);
  if (rule.destination !== undefined) out.bytes(FRA_DST, addressToBytes(rule.destination.address));
  if (rule.source !== undefined) out.bytes(FRA_SRC, addressToBytes(rule.source.address));
  if (rule.mark !== undefined) out.u32(FRA_FWMARK, rule.mark).u32(FRA_FWMASK, rule.markMask ?? FULL_MASK);
}
