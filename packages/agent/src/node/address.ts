import { OcicatError } from "@ocicat/kit";
import type { Kernel } from "@ocicat/linux/kernel";
import { type Address, AddressError, compareAddresses, formatAddress, Prefix, parseAddress } from "@ocicat/net";

/** A node's own address with its subnet. */
export interface NodeAddress {
  readonly address: Address;
  readonly subnet: Prefix;
}

const MAIN_TABLE = 254;

/**
 * The node's IPv4 address: the one asked for, which must be on an interface, or (autodetect) the first of the interface
 * that the default route leaves by. Throws OcicatError NODE_ADDRESS.
 */
export function findNodeAddress(kernel: Kernel, wanted: string): NodeAddress {
  const present = kernel
    .addresses()
    .filter((entry) => typeof entry.address === "number")
    .map((entry) => ({ ...entry, subnet: Prefix.of(entry.address, entry.prefixLength) }));
  const list = present.map((entry) => `${formatAddress(entry.address)}/${entry.prefixLength}`).join(", ");
  if (wanted !== "autodetect") {
    const address = parseWanted(wanted);
    const found = present.find((entry) => compareAddresses(entry.address, address) === 0);
    if (found !== undefined) return found;
    throw new OcicatError({
      code: "NODE_ADDRESS",
      where: "environment variable IP",
      what: `${wanted} is on no interface of this node`,
      why: `its addresses are ${list}`,
      fix: "name one of them, or IP=autodetect",
    });
  }
  const leaving = kernel
    .routes(4, MAIN_TABLE)
    .filter((route) => route.destination.length === 0)
    .flatMap((route) => route.nextHops.map((hop) => hop.linkIndex));
  const found = present.find((entry) => leaving.includes(entry.linkIndex));
  if (found !== undefined) return found;
  throw new OcicatError({
    code: "NODE_ADDRESS",
    what: "this node's address cannot be detected",
    why: leaving.length === 0 ? "it has no default route" : "the interface of its default route has no IPv4 address",
    fix: `set IP=address/length to one of ${list}`,
  });
}

/**
 * Proxy ARP answers only for what the node itself has a route to: without a route to 169.254.1.1 (a default route does)
 * no pod of this node reaches its gateway. The reason in words, or undefined if all is well.
 */
export function missingGatewayRoute(kernel: Kernel, nodeName: string): string | undefined {
  const gateway = parseAddress("169.254.1.1");
  const covered = kernel
    .routes(4, MAIN_TABLE)
    .some((route) => route.kind === "unicast" && route.destination.has(gateway));
  if (covered) return undefined;
  return `node ${nodeName} has no route to 169.254.1.1 (no default route): proxy ARP will not answer its pods; add one: ip route add default via <gateway>`;
}

function parseWanted(text: string): Address {
  try {
    return parseAddress(text.split("/")[0] ?? "");
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new OcicatError({
      code: "NODE_ADDRESS",
      where: "environment variable IP",
      what: error.message,
      fix: "use an address on an interface of this node, or autodetect",
    });
  }
}
