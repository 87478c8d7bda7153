import { ByteReader } from "@ocicat/net";
import { Attributes, type MessageWriter, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from "@ocicat/netlink";
import type { IngressFilter, Qdisc, TokenBucket, TrafficOperation } from "../kernel/traffic.ts";
import {
  RTM_DELQDISC,
  RTM_DELTFILTER,
  RTM_GETQDISC,
  RTM_GETTFILTER,
  RTM_NEWQDISC,
  RTM_NEWTFILTER,
} from "./constants.ts";
import { FixedHeader } from "./header.ts";

const TCA_KIND = 1;
const TCA_OPTIONS = 2;

const TC_H_ROOT = 0xffff_ffff;
/** Parent of a link's ingress qdisc; its handle has the same major number. */
const TC_H_INGRESS = 0xffff_fff1;
const INGRESS_MAJOR = 0xffff;
const ETH_P_ALL = 3;
/** Of a priority's own table, what u32 would choose by itself. Named, so that there is no second (ENOSPC). */
const FIRST_RULE = 0x800;

/*
 *      0        1       4            8            12           16                            20
 *      +--------+-------+------------+------------+------------+-----------------------------+- - - - - -
 *      | family | 0     | link index | handle     | parent     | info                        | attributes
 *      +--------+-------+------------+------------+------------+-----------------------------+- - - - - -
 *                                      major << 16 | minor       of a filter: priority << 16 | protocol, big-endian
 */
const HEADER = 20;

interface Place {
  readonly linkIndex?: number;
  readonly handle?: number;
  readonly parent?: number;
  readonly priority?: number;
}

function header({ linkIndex = 0, handle = 0, parent = 0, priority }: Place): Uint8Array {
  const info = priority === undefined ? 0 : ((priority << 16) | (ETH_P_ALL << 8)) >>> 0;
  return new FixedHeader(HEADER).u32(4, linkIndex).u32(8, handle).u32(12, parent).u32(16, info).bytes;
}

export function encodeGetQdiscs(out: MessageWriter, flags: number, sequence: number): void {
  out.begin(RTM_GETQDISC, flags, sequence, header({}));
}

/** Undefined for a link's standard one, which nobody has put there. */
export function qdiscFrom(payload: Uint8Array): Qdisc | undefined {
  const reader = new ByteReader(payload);
  reader.skip(4);
  const linkIndex = reader.u32le();
  const major = reader.u32le() >>> 16;
  const parent = reader.u32le();
  if (major === 0) return undefined;
  const attributes = new Attributes(payload.subarray(HEADER));
  const kind = attributes.string(TCA_KIND) ?? "";
  const bucket = kind === "tbf" ? bucketIn(attributes.nested(TCA_OPTIONS)) : undefined;
  return { linkIndex, kind, major, root: parent === TC_H_ROOT || parent === TC_H_INGRESS, bucket };
}

export function encodeGetIngressFilters(out: MessageWriter, flags: number, sequence: number, linkIndex: number): void {
  out.begin(RTM_GETTFILTER, flags, sequence, header({ linkIndex, parent: (INGRESS_MAJOR << 16) >>> 0 }));
}

/** One of the messages that tell of a filter: of u32 there are three, its head, its table, and what it does. */
export function ingressFilterFrom(payload: Uint8Array): IngressFilter {
  const reader = new ByteReader(payload);
  reader.skip(4);
  const linkIndex = reader.u32le();
  reader.skip(8);
  const priority = reader.u32le() >>> 16;
  const attributes = new Attributes(payload.subarray(HEADER));
  const kind = attributes.string(TCA_KIND) ?? "";
  return { linkIndex, kind, priority, to: kind === "u32" ? redirectIn(attributes.nested(TCA_OPTIONS)) : undefined };
}

/** One for each priority, with what any of its messages says. */
export function mergedFilters(told: readonly IngressFilter[]): IngressFilter[] {
  const byPriority = new Map<number, IngressFilter>();
  for (const each of told) {
    byPriority.set(each.priority, { ...each, to: each.to ?? byPriority.get(each.priority)?.to });
  }
  return [...byPriority.values()].toSorted((a, b) => a.priority - b.priority);
}

export function encodeTraffic(out: MessageWriter, flags: number, sequence: number, operation: TrafficOperation): void {
  const { linkIndex } = operation;
  const ingress = (INGRESS_MAJOR << 16) >>> 0;
  switch (operation.op) {
    case "qdisc.tbf": {
      const place = { linkIndex, handle: (operation.major << 16) >>> 0, parent: TC_H_ROOT };
      out.begin(RTM_NEWQDISC, flags | NLM_F_CREATE | NLM_F_REPLACE, sequence, header(place)).string(TCA_KIND, "tbf");
      writeBucket(out, operation.bucket);
      break;
    }
    case "qdisc.ingress": {
      const place = { linkIndex, handle: ingress, parent: TC_H_INGRESS };
      out.begin(RTM_NEWQDISC, flags | NLM_F_CREATE | NLM_F_EXCL, sequence, header(place)).string(TCA_KIND, "ingress");
      break;
    }
    case "qdisc.delete":
      out.begin(
        RTM_DELQDISC,
        flags,
        sequence,
        header({ linkIndex, parent: operation.which === "root" ? TC_H_ROOT : TC_H_INGRESS }),
      );
      break;
    case "filter.redirect": {
      const place = { linkIndex, handle: FIRST_RULE, parent: ingress, priority: operation.priority };
      out.begin(RTM_NEWTFILTER, flags | NLM_F_CREATE | NLM_F_EXCL, sequence, header(place)).string(TCA_KIND, "u32");
      writeRedirect(out, operation.to);
      break;
    }
    case "filter.delete":
      out.begin(RTM_DELTFILTER, flags, sequence, header({ linkIndex, parent: ingress, priority: operation.priority }));
      break;
  }
}

const TCA_TBF_PARMS = 1;
const TCA_TBF_RATE64 = 4;
const TCA_TBF_PRATE64 = 5;
const TCA_TBF_BURST = 6;
const TCA_TBF_PBURST = 7;

/*
 *      0                     12                    24            28            32            36
 *      +---------------------+---------------------+-------------+-------------+-------------+   tc_tbf_qopt
 *      | rate                | peak rate           | limit       | burst       | peak burst  |
 *      +---------------------+---------------------+-------------+-------------+-------------+
 *                                                    bytes         ticks of 64 ns, read only: BURST and PBURST are bytes
 *      0          1            2          4            6      8          12
 *      +----------+------------+----------+------------+------+----------+   tc_ratespec
 *      | 0        | link layer | overhead | cell align | mpu  | bytes/s  |   0xffffffff: see RATE64
 *      +----------+------------+----------+------------+------+----------+
 */
const PARMS = 36;
const ETHERNET = 1;
const RATE_MAX = 0xffff_ffff;
const NANOSECONDS_A_TICK = 64;

function writeBucket(out: MessageWriter, { rate, burst, limit, peak }: TokenBucket): void {
  const parms = new FixedHeader(PARMS)
    .u8(1, ETHERNET)
    .u32(8, Math.min(rate, RATE_MAX))
    .u8(13, peak === undefined ? 0 : ETHERNET)
    .u32(20, Math.min(peak?.rate ?? 0, RATE_MAX))
    .u32(24, limit);
  out.nested(TCA_OPTIONS, (options) => {
    options.bytes(TCA_TBF_PARMS, parms.bytes).u32(TCA_TBF_BURST, burst);
    if (rate >= RATE_MAX) options.u64(TCA_TBF_RATE64, BigInt(rate));
    if (peak === undefined) return;
    options.u32(TCA_TBF_PBURST, peak.burst);
    if (peak.rate >= RATE_MAX) options.u64(TCA_TBF_PRATE64, BigInt(peak.rate));
  });
}

function bucketIn(options: Attributes | undefined): TokenBucket | undefined {
  const parms = options?.bytes(TCA_TBF_PARMS);
  if (options === undefined || parms === undefined) return undefined;
  const view = new DataView(parms.buffer, parms.byteOffset, PARMS);
  const rate = Number(options.u64(TCA_TBF_RATE64) ?? view.getUint32(8, true));
  const peakRate = Number(options.u64(TCA_TBF_PRATE64) ?? view.getUint32(20, true));
  const bytesIn = (ticks: number, perSecond: number) => Math.round((ticks * NANOSECONDS_A_TICK * perSecond) / 1e9);
  return {
    rate,
    burst: bytesIn(view.getUint32(28, true), rate),
    limit: view.getUint32(24, true),
    peak: peakRate === 0 ? undefined : { rate: peakRate, burst: bytesIn(view.getUint32(32, true), peakRate) },
  };
}

const TCA_U32_SEL = 5;
const TCA_U32_ACT = 7;
const TCA_ACT_KIND = 1;
const TCA_ACT_OPTIONS = 2;
const TCA_MIRRED_PARMS = 2;
const TC_U32_TERMINAL = 1;
const TC_ACT_STOLEN = 4;
const TCA_EGRESS_REDIR = 1;

/*
 *      0       1              2      4                 16           32
 *      +-------+--------------+------+-----------------+------------+   tc_u32_sel: one key, whose mask of 0 fits everything
 *      | flags | offset shift | keys | offsets         | key        |
 *      +-------+--------------+------+-----------------+------------+
 *      0       4              8        12              20           24           28
 *      +-------+--------------+--------+---------------+------------+------------+   tc_mirred
 *      | index | capabilities | action | references    | kind       | link index |
 *      +-------+--------------+--------+---------------+------------+------------+
 */
function writeRedirect(out: MessageWriter, to: number): void {
  const selector = new FixedHeader(32).u8(0, TC_U32_TERMINAL).u8(2, 1);
  const mirred = new FixedHeader(28).u32(8, TC_ACT_STOLEN).u32(20, TCA_EGRESS_REDIR).u32(24, to);
  out.nested(TCA_OPTIONS, (options) =>
    options
      .bytes(TCA_U32_SEL, selector.bytes)
      .nested(TCA_U32_ACT, (actions) =>
        actions.nested(1, (first) =>
          first
            .string(TCA_ACT_KIND, "mirred")
            .nested(TCA_ACT_OPTIONS, (parms) => parms.bytes(TCA_MIRRED_PARMS, mirred.bytes)),
        ),
      ),
  );
}

function redirectIn(options: Attributes | undefined): number | undefined {
  const first = options?.nested(TCA_U32_ACT)?.nested(1);
  if (first?.string(TCA_ACT_KIND) !== "mirred") return undefined;
  const parms = first.nested(TCA_ACT_OPTIONS)?.bytes(TCA_MIRRED_PARMS);
  if (parms === undefined) return undefined;
  const view = new DataView(parms.buffer, parms.byteOffset, parms.byteLength);
  return view.getUint32(20, true) === TCA_EGRESS_REDIR ? view.getUint32(24, true) : undefined;
}
