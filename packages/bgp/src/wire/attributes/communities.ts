/** The well-known communities that this speaker acts upon, or shows by name: RFC 1997 and IANA's registry. */
export const COMMUNITY = {
  /** RFC 8326. */
  gracefulShutdown: 0xffff_0000,
  /** RFC 9494. */
  llgrStale: 0xffff_0006,
  noLlgr: 0xffff_0007,
  /** RFC 7999. */
  blackhole: 0xffff_029a,
  noExport: 0xffff_ff01,
  noAdvertise: 0xffff_ff02,
  noExportSubconfed: 0xffff_ff03,
  /** RFC 3765. */
  noPeer: 0xffff_ff04,
} as const;

const NAMES = new Map<number, string>([
  [COMMUNITY.gracefulShutdown, "graceful-shutdown"],
  [COMMUNITY.llgrStale, "llgr-stale"],
  [COMMUNITY.noLlgr, "no-llgr"],
  [COMMUNITY.blackhole, "blackhole"],
  [COMMUNITY.noExport, "no-export"],
  [COMMUNITY.noAdvertise, "no-advertise"],
  [COMMUNITY.noExportSubconfed, "no-export-subconfed"],
  [COMMUNITY.noPeer, "no-peer"],
]);

/** "64512:100", or the name of a well-known one. */
export function formatCommunity(community: number): string {
  return NAMES.get(community) ?? `${community >>> 16}:${community & 0xffff}`;
}

/** RFC 4360 §3: the types that hold a two-octet AS, an IPv4 address, a four-octet AS before the local part. */
const EXT_KINDS = new Map<number, string>([
  [0x02, "rt"],
  [0x03, "ro"],
]);

/** "rt:64512:100" for a route target, "ro:…" for a route origin, else the number: "generic:0x4300000000000001". */
export function formatExtCommunity(community: bigint): string {
  const [type, subtype] = [Number(community >> 56n), Number((community >> 48n) & 0xffn)];
  const kind = EXT_KINDS.get(subtype);
  // A two-octet AS has four octets after it, the other two forms have four before.
  const split = type === 0x00 ? 32n : 16n;
  if (kind === undefined || type > 0x02) return `generic:0x${community.toString(16).padStart(16, "0")}`;
  const value = community & 0xffff_ffff_ffffn;
  const head = Number(value >> split);
  const shown = type === 0x01 ? [24, 16, 8, 0].map((shift) => (head >>> shift) & 0xff).join(".") : String(head);
  return `${kind}:${shown}:${value & ((1n << split) - 1n)}`;
}

/** RFC 4360 §2: not to be passed on beyond the AS. */
export function isTransitive(extCommunity: bigint): boolean {
  return (extCommunity & NON_TRANSITIVE) === 0n;
}

const NON_TRANSITIVE = 0x40n << 56n;
