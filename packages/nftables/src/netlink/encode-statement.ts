import { addressToBytes } from "@ocicat/net";
import type { AttributeSink } from "@ocicat/netlink";
import {
  type Limit,
  type LimitUnit,
  LOG_LEVELS,
  type Log,
  type Opaque,
  REJECT_CODES,
  type Reject,
  type SetDscp,
  type SetMark,
  type Translate,
} from "../ir/expression.ts";
import { CT_KEYS, META_KEYS, PAYLOAD_FIELDS } from "../ir/operand.ts";
import type { Verdict } from "../ir/verdict.ts";
import { fieldBytes, fieldMask } from "./bit-field.ts";
import * as nft from "./constants.ts";
import { bitwise, load, loadPayload } from "./encode-match.ts";
import type { Instruction } from "./instruction.ts";
import { FAMILY_NUMBERS, VERDICT_CODES } from "./names.ts";
import { FIRST_SLOT, registerNumber } from "./register.ts";
import { numberBytes } from "./value.ts";

/** Into an open nft_data: NFTA_IMMEDIATE_DATA, NFTA_SET_ELEM_DATA. */
export function writeVerdict(sink: AttributeSink, verdict: Verdict): void {
  sink.nested(nft.NFTA_DATA_VERDICT, (inner) => {
    inner.u32be(nft.NFTA_VERDICT_CODE, VERDICT_CODES[verdict.kind]);
    if (verdict.kind === "jump" || verdict.kind === "goto") inner.string(nft.NFTA_VERDICT_CHAIN, verdict.chain);
  });
}

export const LIMIT_SECONDS: Readonly<Record<LimitUnit, bigint>> = {
  second: 1n,
  minute: 60n,
  hour: 3600n,
  day: 86_400n,
  week: 604_800n,
};

export function immediateVerdict(verdict: Verdict): Instruction {
  return {
    name: "immediate",
    write: (data) =>
      data
        .u32be(nft.NFTA_IMMEDIATE_DREG, nft.NFT_REG_VERDICT)
        .nested(nft.NFTA_IMMEDIATE_DATA, (value) => writeVerdict(value, verdict)),
  };
}

export function limit({ rate, unit, burst, of, over }: Limit): Instruction {
  return {
    name: "limit",
    write: (data) =>
      data
        .u64be(nft.NFTA_LIMIT_RATE, rate)
        .u64be(nft.NFTA_LIMIT_UNIT, LIMIT_SECONDS[unit])
        .u32be(nft.NFTA_LIMIT_BURST, burst)
        .u32be(nft.NFTA_LIMIT_TYPE, of === "packets" ? nft.NFT_LIMIT_PKTS : nft.NFT_LIMIT_PKT_BYTES)
        .u32be(nft.NFTA_LIMIT_FLAGS, over ? nft.NFT_LIMIT_F_INV : 0),
  };
}

export function masquerade(fullyRandom: boolean): Instruction {
  return {
    name: "masq",
    write: (data) => {
      if (fullyRandom) data.u32be(nft.NFTA_MASQ_FLAGS, nft.NF_NAT_RANGE_PROTO_RANDOM_FULLY);
    },
  };
}

function immediate(bytes: Uint8Array): Instruction {
  return {
    name: "immediate",
    write: (data) =>
      data
        .u32be(nft.NFTA_IMMEDIATE_DREG, registerNumber(FIRST_SLOT))
        .nested(nft.NFTA_IMMEDIATE_DATA, (value) => value.bytes(nft.NFTA_DATA_VALUE, bytes)),
  };
}

/** Clearing bits and setting some is one instruction: `& keep ^ value` of bits that are in one of them only. */
export function compileSetMark({ of, keep, value }: SetMark): readonly Instruction[] {
  const bytes = numberBytes("mark", value);
  const source =
    keep === 0 ? [immediate(bytes)] : [load({ kind: of, key: "mark" }), bitwise(numberBytes("mark", keep), bytes)];
  return [...source, storeMark(of)];
}

function storeMark(of: SetMark["of"]): Instruction {
  const register = registerNumber(FIRST_SLOT);
  return of === "meta"
    ? {
        name: "meta",
        write: (data) => data.u32be(nft.NFTA_META_KEY, META_KEYS.mark.key).u32be(nft.NFTA_META_SREG, register),
      }
    : {
        name: "ct",
        write: (data) => data.u32be(nft.NFTA_CT_KEY, CT_KEYS.mark.key).u32be(nft.NFTA_CT_SREG, register),
      };
}

/** Where a header's DSCP is written: two bytes at its start, as IPv4's checksum counts them. */
export const DSCP_WORDS = {
  "ip dscp": { bytes: 2, shift: 2, checksum: { type: nft.NFT_PAYLOAD_CSUM_INET, offset: 10 } },
  "ip6 dscp": { bytes: 2, shift: 6, checksum: { type: nft.NFT_PAYLOAD_CSUM_NONE, offset: 0 } },
} as const;

export function compileSetDscp({ field, value }: SetDscp): readonly Instruction[] {
  const word = DSCP_WORDS[field];
  const { base } = PAYLOAD_FIELDS[field];
  const keep = fieldMask("dscp", word).map((byte) => ~byte);
  const register = registerNumber(FIRST_SLOT);
  const store: Instruction = {
    name: "payload",
    write: (data) =>
      data
        .u32be(nft.NFTA_PAYLOAD_SREG, register)
        .u32be(nft.NFTA_PAYLOAD_BASE, base)
        .u32be(nft.NFTA_PAYLOAD_OFFSET, 0)
        .u32be(nft.NFTA_PAYLOAD_LEN, word.bytes)
        .u32be(nft.NFTA_PAYLOAD_CSUM_TYPE, word.checksum.type)
        .u32be(nft.NFTA_PAYLOAD_CSUM_OFFSET, word.checksum.offset)
        .u32be(nft.NFTA_PAYLOAD_CSUM_FLAGS, 0),
  };
  return [loadPayload(base, 0, word.bytes, register), bitwise(keep, fieldBytes(value, word)), store];
}

export function log({ prefix, to }: Log): Instruction {
  return {
    name: "log",
    write: (data) => {
      if (prefix !== "") data.string(nft.NFTA_LOG_PREFIX, prefix);
      if (to.kind === "kernel") {
        data.u32be(nft.NFTA_LOG_LEVEL, LOG_LEVELS.indexOf(to.level));
        return;
      }
      data.u16be(nft.NFTA_LOG_GROUP, to.group);
      if (to.snaplen !== undefined) data.u32be(nft.NFTA_LOG_SNAPLEN, to.snaplen);
      if (to.queueThreshold !== undefined) data.u16be(nft.NFTA_LOG_QTHRESHOLD, to.queueThreshold);
    },
  };
}

export const REJECT_TYPES = {
  icmp: nft.NFT_REJECT_ICMP_UNREACH,
  icmpv6: nft.NFT_REJECT_ICMP_UNREACH,
  icmpx: nft.NFT_REJECT_ICMPX_UNREACH,
} as const;

export function reject(expression: Reject): Instruction {
  const [type, code] =
    expression.with === "tcp reset"
      ? [nft.NFT_REJECT_TCP_RST, 0]
      : [REJECT_TYPES[expression.with], REJECT_CODES[expression.with][expression.code] ?? 0];
  return {
    name: "reject",
    write: (data) => data.u32be(nft.NFTA_REJECT_TYPE, type).u8(nft.NFTA_REJECT_ICMP_CODE, code),
  };
}

export function connectionLimit(count: number, over: boolean): Instruction {
  return {
    name: "connlimit",
    write: (data) =>
      data.u32be(nft.NFTA_CONNLIMIT_COUNT, count).u32be(nft.NFTA_CONNLIMIT_FLAGS, over ? nft.NFT_CONNLIMIT_F_INV : 0),
  };
}

export function translate({ end, address }: Translate): readonly Instruction[] {
  const family = FAMILY_NUMBERS[typeof address === "number" ? "ip" : "ip6"];
  const nat: Instruction = {
    name: "nat",
    write: (data) =>
      data
        .u32be(nft.NFTA_NAT_TYPE, end === "source" ? nft.NFT_NAT_SNAT : nft.NFT_NAT_DNAT)
        .u32be(nft.NFTA_NAT_FAMILY, family)
        .u32be(nft.NFTA_NAT_REG_ADDR_MIN, registerNumber(FIRST_SLOT)),
  };
  return [immediate(addressToBytes(address)), nat];
}

export function asItCame({ name, data }: Opaque): Instruction {
  return { name, bytes: data };
}
