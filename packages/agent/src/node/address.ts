import { lookup } from "node:dns/promises";
import { OcicatError } from "@ocicat/kit";
import type { Kernel } from "@ocicat/linux/kernel";
import {
  type Address,
  compareAddresses,
  type Family,
  formatAddress,
  isAddress,
  Prefix,
  parseAddress,
} from "@ocicat/net";
import { candidatesOf, type Detected, detectAddress, formatCandidate } from "./detection.ts";
import type { AddressSource } from "./detection-method.ts";

const MAIN_TABLE = 254;

/** What a host cannot say by itself of its address. */
export interface OutsideFacts {
  /** The Node resource's addresses of type InternalIP. */
  readonly internalIps: readonly Address[];
  /** The address that the node has been using. */
  readonly held: Address | undefined;
}

/**
 * The node's own address of a family as its source says; undefined if the source is "none". Throws OcicatError
 * NODE_ADDRESS: what was asked for is on no interface, or nothing can be detected.
 */
export async function findNodeAddress(
  kernel: Kernel,
  source: AddressSource,
  family: Family,
  outside: OutsideFacts,
): Promise<Detected | undefined> {
  switch (source.kind) {
    case "none":
      return undefined;
    case "given":
      return given(kernel, source, family);
    case "detect": {
      const { method } = source;
      const destinations = method.name === "can-reach" ? await resolve(method.destination, family) : [];
      const routes = kernel.routes(family, MAIN_TABLE);
      const [links, addresses] = [kernel.links(), kernel.addresses()];
      return detectAddress(method, family, { links, addresses, routes, destinations, ...outside });
    }
  }
}

function given(kernel: Kernel, source: AddressSource & { readonly kind: "given" }, family: Family): Detected {
  const candidates = candidatesOf({ links: kernel.links(), addresses: kernel.addresses() }, family);
  const found = candidates.find(({ candidate }) => compareAddresses(candidate.address, source.address) === 0);
  if (found === undefined) {
    throw new OcicatError({
      code: "NODE_ADDRESS",
      where: `environment variable ${family === 4 ? "IP" : "IP6"}`,
      what: `${formatAddress(source.address)} is on no interface of this node`,
      why: `its addresses are ${candidates.map(({ candidate }) => formatCandidate(candidate)).join(", ")}`,
      fix: "name one of them, or autodetect",
    });
  }
  const { candidate } = found;
  const subnet = source.length === undefined ? candidate.subnet : Prefix.of(candidate.address, source.length);
  return { chosen: { ...candidate, subnet }, why: "it was given", others: [] };
}

/** A name without an address of the family is one that cannot be reached, and the detection says so. */
async function resolve(destination: string, family: Family): Promise<readonly Address[]> {
  if (isAddress(destination)) return [parseAddress(destination)];
  const found = await lookup(destination, { family, all: true }).catch(() => []);
  return found.map(({ address }) => parseAddress(address));
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
