import { addressFromBytes } from "@ocicat/net";
import type { Attributes } from "@ocicat/netlink";
import {
  ctCount,
  type Expression,
  type LimitUnit,
  LOG_LEVELS,
  limit,
  log,
  logTo,
  masquerade,
  REJECT_CODES,
  reject,
  setDscp,
  setMark,
  TCP_RESET,
  translate,
} from "../ir/expression.ts";
import type { Verdict } from "../ir/verdict.ts";
import { bigEndian, fieldBytes, fieldMask } from "./bit-field.ts";
import * as nft from "./constants.ts";
import { DSCP_WORDS, LIMIT_SECONDS } from "./encode-statement.ts";
import { familyName, verdictName } from "./names.ts";
import { bytesNumber, sameBytes } from "./value.ts";

/** What a rule had counted when it was read. */
export interface Counters {
  readonly packets: bigint;
  readonly bytes: bigint;
}

/** Reads an nft_data that holds a verdict. */
export function decodeVerdict(data: Attributes | undefined): Verdict | undefined {
  const attributes = data?.nested(nft.NFTA_DATA_VERDICT);
  const kind = verdictName(attributes?.u32be(nft.NFTA_VERDICT_CODE));
  if (kind === undefined) return undefined;
  if (kind !== "jump" && kind !== "goto") return Object.freeze({ kind });
  const chain = attributes?.string(nft.NFTA_VERDICT_CHAIN);
  return chain === undefined ? undefined : Object.freeze({ kind, chain });
}

const unitBySeconds = new Map<bigint | undefined, LimitUnit>();
for (const unit in LIMIT_SECONDS) unitBySeconds.set(LIMIT_SECONDS[unit as LimitUnit], unit as LimitUnit);

export function decodeCounters(data: Attributes): Counters {
  return { packets: data.u64be(nft.NFTA_COUNTER_PACKETS) ?? 0n, bytes: data.u64be(nft.NFTA_COUNTER_BYTES) ?? 0n };
}

export function decodeLimit(data: Attributes): Expression | undefined {
  const rate = data.u64be(nft.NFTA_LIMIT_RATE);
  const unit = unitBySeconds.get(data.u64be(nft.NFTA_LIMIT_UNIT));
  const type = data.u32be(nft.NFTA_LIMIT_TYPE) ?? nft.NFT_LIMIT_PKTS;
  if (rate === undefined || unit === undefined || type > nft.NFT_LIMIT_PKT_BYTES) return undefined;
  return limit(rate, unit, {
    of: type === nft.NFT_LIMIT_PKTS ? "packets" : "bytes",
    burst: data.u32be(nft.NFTA_LIMIT_BURST) ?? 0,
    over: ((data.u32be(nft.NFTA_LIMIT_FLAGS) ?? 0) & nft.NFT_LIMIT_F_INV) !== 0,
  });
}

export function decodeMasquerade(data: Attributes): Expression | undefined {
  const flags = data.u32be(nft.NFTA_MASQ_FLAGS) ?? 0;
  const onlyFlags = data.each().every(({ type }) => type === nft.NFTA_MASQ_FLAGS);
  if (!onlyFlags || (flags !== 0 && flags !== nft.NF_NAT_RANGE_PROTO_RANDOM_FULLY)) return undefined;
  return masquerade({ fullyRandom: flags !== 0 });
}

/** What was put into the register that is written somewhere: `(bytes & mask) ^ flips`, or a constant. */
export interface Stored {
  readonly mask: Uint8Array;
  readonly flips: Uint8Array;
}

/** `meta set`, `ct set` of the mark. */
export function decodeSetMark(of: "meta" | "ct", { mask, flips }: Stored): Expression | undefined {
  const keep = bytesNumber("mark", mask);
  const value = bytesNumber("mark", flips);
  // A bit that is kept and flipped is inverted: no mark is set so.
  return mask.length === 4 && flips.length === 4 && (keep & value) === 0 ? setMark(of, value, ~keep >>> 0) : undefined;
}

/** `payload write` of two bytes at the network header's start. */
export function decodeSetDscp(data: Attributes, { mask, flips }: Stored): Expression | undefined {
  for (const field of ["ip dscp", "ip6 dscp"] as const) {
    const word = DSCP_WORDS[field];
    if (
      data.u32be(nft.NFTA_PAYLOAD_CSUM_TYPE) !== word.checksum.type ||
      data.u32be(nft.NFTA_PAYLOAD_CSUM_OFFSET) !== word.checksum.offset ||
      data.u32be(nft.NFTA_PAYLOAD_LEN) !== word.bytes ||
      (data.u32be(nft.NFTA_PAYLOAD_CSUM_FLAGS) ?? 0) !== 0
    ) {
      continue;
    }
    const value = bigEndian(flips) >>> word.shift;
    const keep = fieldMask("dscp", word).map((byte) => ~byte);
    return sameBytes(mask, keep) && sameBytes(flips, fieldBytes(value, word)) ? setDscp(field, value) : undefined;
  }
  return undefined;
}

export function decodeLog(data: Attributes): Expression | undefined {
  const prefix = data.string(nft.NFTA_LOG_PREFIX) ?? "";
  const group = data.u16be(nft.NFTA_LOG_GROUP);
  if (group !== undefined) {
    const snaplen = data.u32be(nft.NFTA_LOG_SNAPLEN);
    return logTo(group, prefix, { snaplen, queueThreshold: data.u16be(nft.NFTA_LOG_QTHRESHOLD) });
  }
  const level = LOG_LEVELS[data.u32be(nft.NFTA_LOG_LEVEL) ?? LOG_LEVELS.indexOf("warn")];
  return level === undefined || (data.u32be(nft.NFTA_LOG_FLAGS) ?? 0) !== 0 ? undefined : log(prefix, level);
}

/** `family`: what the rule has made sure of, since the kernel writes the two ICMPs alike. */
export function decodeReject(data: Attributes, family: "icmp" | "icmpv6" | undefined): Expression | undefined {
  switch (data.u32be(nft.NFTA_REJECT_TYPE)) {
    case nft.NFT_REJECT_TCP_RST:
      return TCP_RESET;
    case nft.NFT_REJECT_ICMPX_UNREACH:
      return rejectBy("icmpx", data);
    case nft.NFT_REJECT_ICMP_UNREACH:
      return family && rejectBy(family, data);
    default:
      return undefined;
  }
}

function rejectBy(how: keyof typeof REJECT_CODES, data: Attributes): Expression | undefined {
  const number = data.u8(nft.NFTA_REJECT_ICMP_CODE);
  const code = Object.entries(REJECT_CODES[how]).find(([, one]) => one === number)?.[0];
  return code === undefined ? undefined : reject(how, code);
}

export function decodeConnectionLimit(data: Attributes): Expression | undefined {
  const count = data.u32be(nft.NFTA_CONNLIMIT_COUNT);
  const flags = data.u32be(nft.NFTA_CONNLIMIT_FLAGS) ?? 0;
  if (count === undefined || (flags & ~nft.NFT_CONNLIMIT_F_INV) !== 0) return undefined;
  return ctCount(count, { over: flags !== 0 });
}

/** `nat` to the address in the register that both ends of its range name. */
export function decodeTranslation(data: Attributes, bytes: Uint8Array): Expression | undefined {
  const type = data.u32be(nft.NFTA_NAT_TYPE);
  const family = familyName(data.u32be(nft.NFTA_NAT_FAMILY));
  const [from, to] = [data.u32be(nft.NFTA_NAT_REG_ADDR_MIN), data.u32be(nft.NFTA_NAT_REG_ADDR_MAX)];
  const known = data.each().every((attribute) => NAT_ATTRIBUTES.has(attribute.type));
  const flags = (data.u32be(nft.NFTA_NAT_FLAGS) ?? 0) & ~nft.NF_NAT_RANGE_MAP_IPS;
  if (!known || flags !== 0 || (to !== undefined && to !== from) || type === undefined || type > nft.NFT_NAT_DNAT) {
    return undefined;
  }
  if (bytes.length !== (family === "ip" ? 4 : 16) || (family !== "ip" && family !== "ip6")) return undefined;
  return translate(type === nft.NFT_NAT_SNAT ? "source" : "destination", addressFromBytes(bytes));
}

const NAT_ATTRIBUTES: ReadonlySet<number> = new Set([
  nft.NFTA_NAT_TYPE,
  nft.NFTA_NAT_FAMILY,
  nft.NFTA_NAT_REG_ADDR_MIN,
  nft.NFTA_NAT_REG_ADDR_MAX,
  nft.NFTA_NAT_FLAGS,
]);
