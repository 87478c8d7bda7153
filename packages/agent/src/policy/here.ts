import { ALL_OTHERS, type NodeInterfaces, occupy } from "@ocicat/enforcement";
import type { Kernel } from "@ocicat/linux";
import { type Address, PrefixTrie } from "@ocicat/net";
import type { EndpointNeeds, Host } from "@ocicat/policy";
import { MAIN_TABLE } from "../program/kernel-route.ts";

/** This node as it is now: which addresses are its own, and which host endpoint has the interface towards an address. */
export class Here {
  readonly own: ReadonlySet<Address>;
  readonly #kernel: Pick<Kernel, "links" | "routes">;
  readonly #hosts: ReadonlyMap<string, EndpointNeeds>;
  #ways: PrefixTrie<string> | undefined;

  constructor(
    kernel: Pick<Kernel, "links" | "addresses" | "routes">,
    endpoints: Iterable<readonly [string, EndpointNeeds]>,
  ) {
    const addresses = kernel.addresses();
    this.own = new Set(addresses.map(({ address }) => address));
    this.#kernel = kernel;
    const hosts = new Map([...endpoints].filter(([, { endpoint }]) => endpoint.kind === "host"));
    this.#hosts = hosts.size === 0 ? hosts : occupy(hosts, interfacesOf(kernel, addresses)).hosts;
  }

  /** The endpoint of all interfaces. */
  get everywhere(): Host | undefined {
    return hostIn(this.#hosts.get(ALL_OTHERS));
  }

  /** By the main table's routes, that are looked up only where host endpoints differ between interfaces. */
  hostTowards(address: Address): Host | undefined {
    if (this.#hosts.size === 0 || (this.#hosts.size === 1 && this.everywhere !== undefined)) return this.everywhere;
    this.#ways ??= waysOut(this.#kernel);
    const name = this.#ways.longestMatch(address)?.value;
    return (name === undefined ? undefined : hostIn(this.#hosts.get(name))) ?? this.everywhere;
  }
}

function hostIn(needs: EndpointNeeds | undefined): Host | undefined {
  return needs?.endpoint.kind === "host" ? needs.endpoint : undefined;
}

function interfacesOf(kernel: Pick<Kernel, "links">, addresses: ReturnType<Kernel["addresses"]>): NodeInterfaces {
  const byLink = Map.groupBy(addresses, ({ linkIndex }) => linkIndex);
  return new Map(
    kernel.links().map(({ index, name }) => [name, (byLink.get(index) ?? []).map(({ address }) => address)]),
  );
}

/** The interface that packets leave by, for each destination. Of several routes to one the one with the least metric counts. */
function waysOut(kernel: Pick<Kernel, "links" | "routes">): PrefixTrie<string> {
  const names = new Map(kernel.links().map(({ index, name }) => [index, name]));
  const routes = ([4, 6] as const).flatMap((family) => kernel.routes(family, MAIN_TABLE));
  const ways = new PrefixTrie<string>();
  for (const { destination, nextHops } of routes.toSorted((a, b) => b.metric - a.metric)) {
    const name = names.get(nextHops[0]?.linkIndex ?? 0);
    if (name !== undefined) ways.set(destination, name);
  }
  return ways;
}
