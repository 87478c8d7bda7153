import { ippool, type Kind, node } from "@ocicat/api";
import type { Opened } from "../connect/datastore.ts";

/** What has to be done in the datastore before one is deleted. Returns what a person should know of it. */
export type Farewell = (opened: Opened, name: string) => Promise<string | undefined>;

const FAREWELLS: ReadonlyMap<Kind, () => Promise<Farewell>> = new Map<Kind, () => Promise<Farewell>>([
  [node, async () => (await import("./node.ts")).releaseNode],
  [ippool, async () => (await import("./pool.ts")).releasePool],
]);

export async function farewellOf(kind: Kind): Promise<Farewell | undefined> {
  return await FAREWELLS.get(kind)?.();
}
