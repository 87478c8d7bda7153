import type { KernelOperation, Link, LinkAddress, Route } from "@ocicat/linux/kernel";
import type { Prefix } from "@ocicat/net";
import { isOurTable, type Operation, type TableRef } from "@ocicat/nftables";
import { RouteProtocol, TUNNELS } from "@ocicat/routing";

/** What of a node's kernel says what is ours. */
export interface Seen {
  readonly links: readonly Link[];
  readonly addresses: readonly LinkAddress[];
  /** The main table's, of both families. */
  readonly routes: readonly Route[];
  readonly tables: readonly TableRef[];
  /** Ranges of pools: outside of them a route of BIRD's protocol is another BIRD's. */
  readonly pools: readonly Prefix[];
  /** What the names of pods' interfaces begin with. */
  readonly interfacePrefix: string;
}

/** In this order: what leads packets goes before what guards them. */
export interface Removal {
  readonly routes: readonly KernelOperation[];
  /** Of devices that stay, for the kernel itself made them. */
  readonly addresses: readonly KernelOperation[];
  readonly links: readonly Link[];
  readonly rules: readonly Operation[];
}

/** Traffic of pods is shaped by these; with the plugin bandwidth's name, whose are told apart by being alone there. */
const SHAPER = "bwcali";

/** All of it, or only the rules: then routes, tunnels and pods' interfaces stay, for whoever goes on with them. */
export function removalOf(seen: Seen, what: "all" | "rules"): Removal {
  const rules = seen.tables
    .filter(isOurTable)
    .map((table): Operation => ({ op: "table.delete", table: { family: table.family, name: table.name } }));
  if (what === "rules") return { routes: [], addresses: [], links: [], rules };
  const tunnels = new Set(Object.values(TUNNELS).map(({ device }) => device));
  const ours = seen.links.filter(({ name }) => tunnels.has(name) || name.startsWith(SHAPER) || isPods(seen, name));
  // tunl0 is there with the kernel's module, in every namespace: it cannot be deleted.
  const [kept, links] = partition(ours, ({ kind, name }) => kind === "ipip" && name === TUNNELS.ipip.device);
  return {
    routes: seen.routes.filter((route) => isOurs(seen, route)).map((route) => ({ op: "route.delete", route })),
    addresses: kept.flatMap(({ index }): KernelOperation[] => [
      ...seen.addresses
        .filter(({ linkIndex }) => linkIndex === index)
        .map((address): KernelOperation => ({ op: "address.delete", address })),
      { op: "link.set", index, change: { up: false } },
    ]),
    links,
    rules,
  };
}

/** The interfaces of pods that are there. */
export function podInterfaces(seen: Pick<Seen, "links" | "interfacePrefix">): readonly Link[] {
  return seen.links.filter(({ name }) => isPods(seen, name));
}

function isPods({ interfacePrefix }: Pick<Seen, "interfacePrefix">, name: string): boolean {
  return name.startsWith(interfacePrefix) && !name.includes(".");
}

function isOurs({ pools }: Seen, { protocol, destination }: Route): boolean {
  const isProtocol = protocol === RouteProtocol.bird || protocol === RouteProtocol.felix;
  return isProtocol && pools.some((pool) => pool.covers(destination));
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): readonly [readonly T[], readonly T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}
