import type { Family } from "@ocicat/net";

/**
 * Address family identifier and subsequent one (RFC 4760; IANA). Only unicast (SAFI 1) of IPv4 and IPv6 is spoken, so
 * `Family` names the pair; other pairs are ignored where they come (RFC 4760 §6) and kept where they are only listed.
 */
export const AFI: Readonly<Record<Family, number>> = { 4: 1, 6: 2 };
export const SAFI_UNICAST = 1;
export const FAMILIES: readonly Family[] = [4, 6];

export function familyFrom(afi: number, safi: number): Family | undefined {
  if (safi !== SAFI_UNICAST) return undefined;
  return afi === AFI[4] ? 4 : afi === AFI[6] ? 6 : undefined;
}
