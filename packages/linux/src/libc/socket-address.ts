import { type Address, addressToBytes, type Family } from "@ocicat/net";

/** The numbers of a family's sockets: AF_*, IPPROTO_IP or _IPV6, IP_MTU_DISCOVER or IPV6_MTU_DISCOVER. */
export const INTERNET = {
  4: { domain: 2, level: 0, mtuDiscovery: 10 },
  6: { domain: 10, level: 41, mtuDiscovery: 23 },
} as const;

/** IP_PMTUDISC_PROBE, IPV6_PMTUDISC_PROBE: don't fragment, and ask no memory. */
export const MTU_PROBE = 3;

/*
 * sockaddr_in:                                  sockaddr_in6:
 *      0        2      4         8       16          0        2      4        8          24       28
 *      +--------+------+---------+-------+           +--------+------+--------+----------+--------+
 *      | family | port | address | 0     |           | family | port | flow 0 | address  | scope  |
 *      +--------+------+---------+-------+           +--------+------+--------+----------+--------+
 *        host's   big-endian                           host's   big-endian
 */
/** Without an address: any. `scope`: the index of the link that a link-local address is on. */
export function socketAddress(family: Family, address: Address | undefined, port: number, scope = 0): Uint8Array {
  const bytes = new Uint8Array(family === 4 ? 16 : 28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, INTERNET[family].domain, true);
  view.setUint16(2, port);
  if (address !== undefined) bytes.set(addressToBytes(address), family === 4 ? 4 : 8);
  if (family === 6) view.setUint32(24, scope, true);
  return bytes;
}
