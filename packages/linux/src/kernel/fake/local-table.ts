import { type Address, familyOf, Prefix } from "@ocicat/net";
import type { LinkAddress, Route } from "../kernel.ts";
import type { FakeNamespace } from "./namespace.ts";

const RTPROT_KERNEL = 2;
const LOCAL = 255;
const SCOPE_LINK = 253;
const SCOPE_HOST = 254;

/** What the kernel keeps in the local table for the addresses of links that are up. */
export function localRoutes(namespace: FakeNamespace): Route[] {
  return namespace.addresses.flatMap((entry) => {
    if (!namespace.links.get(entry.linkIndex)?.up) return [];
    const { address, prefixLength } = entry;
    const own = localRoute(entry, "local", Prefix.host(address), SCOPE_HOST);
    if (familyOf(address) === 6) return [{ ...own, scope: 0, preferredSource: undefined }];
    const network = Prefix.of(address, prefixLength);
    const loopback = namespace.links.get(entry.linkIndex)?.loopback === true;
    return [
      own,
      ...(loopback ? [localRoute(entry, "local", network, SCOPE_HOST)] : []),
      ...(prefixLength < 31 ? [localRoute(entry, "broadcast", Prefix.host(network.last), SCOPE_LINK)] : []),
    ];
  });
}

function localRoute(entry: LinkAddress, kind: "local" | "broadcast", destination: Prefix, scope: number): Route {
  return {
    kind,
    destination,
    table: LOCAL,
    protocol: RTPROT_KERNEL,
    scope,
    metric: 0,
    preferredSource: entry.address,
    nextHops: [{ via: undefined, linkIndex: entry.linkIndex, weight: 1, onlink: false }],
    mtu: undefined,
  };
}

/** An address that packets are delivered to here, or broadcast: no gateway can have it. */
export function isInLocalTable(namespace: FakeNamespace, address: Address): boolean {
  return localRoutes(namespace).some((route) => route.destination.has(address));
}
