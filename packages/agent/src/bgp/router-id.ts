import { createHash } from "node:crypto";
import { type Ipv4, ipv4 } from "@ocicat/net";
import type { NodeRow } from "@ocicat/routing";

/** As somebody set it; `hash`: made from the node's name. */
export type RouterId = Ipv4 | "hash";

/**
 * The BGP identifier: what was set, else the node's IPv4 address, as with Calico; a node of IPv6 alone has one made from its name, as Calico's
 * CALICO_ROUTER_ID=hash does (the first four bytes of the SHA-256; the first below 224, where addresses are unicast).
 */
export function routerIdOf(self: Pick<NodeRow, "name" | "ipv4">, set?: RouterId): Ipv4 {
  const own = set ?? self.ipv4?.address;
  if (typeof own === "number") return own;
  const [first = 0, ...rest] = createHash("sha256").update(self.name).digest().subarray(0, 4);
  const value = [first > 223 ? first - 32 : first, ...rest].reduce((value, byte) => value * 256 + byte, 0);
  return ipv4(value);
}
