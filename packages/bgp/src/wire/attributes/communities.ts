/** RFC 1997 well-known communities, and those that IANA's registry adds and this speaker shows by name. */
export const COMMUNITY = {
  noExport: 0xffff_ff01,
  noAdvertise: 0xffff_ff02,
  noExportSubconfed: 0xffff_ff03,
} as const;

const NAMES = new Map<number, string>([
  [COMMUNITY.noExport, "no-export"],
  [COMMUNITY.noAdvertise, "no-advertise"],
  [COMMUNITY.noExportSubconfed, "no-export-subconfed"],
  [0xffff_0000, "graceful-shutdown"],
  [0xffff_029a, "blackhole"],
  [0xffff_ff04, "no-peer"],
]);

/** "64512:100", or the name of a well-known one. */
export function formatCommunity(community: number): string {
  return NAMES.get(community) ?? `${community >>> 16}:${community & 0xffff}`;
}
