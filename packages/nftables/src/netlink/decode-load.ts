import type { Attributes } from "@ocicat/netlink";
import { DATA_TYPES } from "../ir/data-type.ts";
import {
  CT_KEYS,
  type CtKey,
  ct,
  FIB_KEYS,
  type FibKey,
  fib,
  META_KEYS,
  type MetaKey,
  meta,
  type Operand,
  PAYLOAD_FIELDS,
  type PacketKind,
  type PayloadFacts,
  type PayloadField,
  payload,
  typeOf,
} from "../ir/operand.ts";
import * as nft from "./constants.ts";
import { slotOf } from "./register.ts";

/** What an instruction puts into registers. */
export interface Source {
  readonly slot: number;
  readonly operand: Operand;
  /** Fewer than the operand has: its leading bytes. */
  readonly bytes: number;
}

/** Undefined for instructions that load nothing, or nothing the model knows. `known`: what was proved of the packet before. */
export function decodeLoad(name: string, data: Attributes, known: ReadonlySet<PacketKind>): Source | undefined {
  switch (name) {
    case "meta":
      return source(data.u32be(nft.NFTA_META_DREG), metaByNumber.get(data.u32be(nft.NFTA_META_KEY)));
    case "ct":
      // With a direction it is another field: the tuple's, not the connection's.
      if (data.has(nft.NFTA_CT_DIRECTION)) return undefined;
      return source(data.u32be(nft.NFTA_CT_DREG), ctByNumber.get(data.u32be(nft.NFTA_CT_KEY)));
    case "fib":
      return decodeFib(data);
    case "payload":
      return decodePayload(data, known);
    default:
      return undefined;
  }
}

const metaByNumber = new Map<number | undefined, Operand>();
for (const key in META_KEYS) metaByNumber.set(META_KEYS[key as MetaKey].key, meta(key as MetaKey));

const ctByNumber = new Map<number | undefined, Operand>();
for (const key in CT_KEYS) ctByNumber.set(CT_KEYS[key as CtKey].key, ct(key as CtKey));

function decodeFib(data: Attributes): Source | undefined {
  const result = data.u32be(nft.NFTA_FIB_RESULT);
  const flags = data.u32be(nft.NFTA_FIB_FLAGS);
  for (const name in FIB_KEYS) {
    const key = name as FibKey;
    if (FIB_KEYS[key].result === result && FIB_KEYS[key].flags === flags) {
      return source(data.u32be(nft.NFTA_FIB_DREG), fib(key));
    }
  }
  return undefined;
}

/** The same bytes are one field in TCP and another in ICMP: there it takes proof. */
function decodePayload(data: Attributes, known: ReadonlySet<PacketKind>): Source | undefined {
  const base = data.u32be(nft.NFTA_PAYLOAD_BASE);
  const offset = data.u32be(nft.NFTA_PAYLOAD_OFFSET);
  const bytes = data.u32be(nft.NFTA_PAYLOAD_LEN) ?? 0;
  for (const name in PAYLOAD_FIELDS) {
    const field = PAYLOAD_FIELDS[name as PayloadField];
    if (field.base !== base || field.offset !== offset || !fits(field, bytes)) continue;
    if (AMBIGUOUS.has(field.needs) && !known.has(field.needs)) continue;
    const loaded = source(data.u32be(nft.NFTA_PAYLOAD_DREG), payload(name as PayloadField));
    return loaded && { ...loaded, bytes };
  }
  return undefined;
}

const AMBIGUOUS: ReadonlySet<PacketKind> = new Set<PacketKind>(["icmp", "icmpv6"]);

/** All of the field, or of an address its leading bytes. */
function fits({ type, within }: PayloadFacts, bytes: number): boolean {
  const whole = within?.bytes ?? DATA_TYPES[type].bytes;
  return bytes === whole || ((type === "ipv4_addr" || type === "ipv6_addr") && bytes >= 1 && bytes < whole);
}

function source(register: number | undefined, operand: Operand | undefined): Source | undefined {
  const slot = register === undefined ? undefined : slotOf(register);
  if (slot === undefined || operand === undefined) return undefined;
  return { slot, operand, bytes: DATA_TYPES[typeOf(operand)].bytes };
}
