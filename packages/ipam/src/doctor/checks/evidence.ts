import type { IPPool } from "@ocicat/api";
import { type AllocationBlock, IPAM_PREFIX, parseIpamKey } from "@ocicat/api/ipam";
import { type Prefix, PrefixTrie, parsePrefix } from "@ocicat/net";
import type { Census, Stored } from "../../census/index.ts";

export interface EvidenceOptions {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** An allocation nobody uses is leaked if it is older than this, in milliseconds. */
  readonly graceMs: number;
}

/** A census, with what the checks look up over and over made ready once: there may be 100,000 rows of it. */
export interface Evidence extends EvidenceOptions {
  readonly census: Census;
  readonly nodes: ReadonlySet<string>;
  readonly pools: PrefixTrie<IPPool>;
  readonly blocks: PrefixTrie<Stored<AllocationBlock>>;
  readonly unreadableBlocks: PrefixTrie<string>;
  /** By handle, the keys of the blocks that say it holds addresses of them. */
  readonly blocksOf: ReadonlyMap<string, readonly string[]>;
  /** By container id, the handles that end with it. */
  readonly handlesOf: ReadonlyMap<string, readonly string[]>;
  readonly endpointsOn: ReadonlyMap<string, number>;
  /** Some endpoint, node or pool cannot be read: it may be about anything, so nothing is known to be unused. */
  readonly isBlind: boolean;
}

export function evidenceOf(census: Census, options: EvidenceOptions): Evidence {
  const { blocks, endpoints, handles, nodes, pools, unreadable } = census;
  return {
    ...options,
    census,
    nodes: new Set(nodes.map(({ value }) => value.metadata.name)),
    pools: trie(pools.map((pool) => [parsePrefix(pool.spec.cidr), pool])),
    blocks: trie(blocks.map((stored) => [stored.value.prefix, stored])),
    unreadableBlocks: trie(
      unreadable.flatMap(({ key }) => {
        const parsed = parseIpamKey(key);
        return parsed?.kind === "block" ? [[parsed.prefix, key] as const] : [];
      }),
    ),
    blocksOf: grouped(blocks.flatMap(({ key, value }) => holdersIn(value).map((id) => [id, key] as const))),
    handlesOf: grouped([...handles.keys()].map((id) => [id.slice(id.lastIndexOf(".") + 1), id] as const)),
    endpointsOn: counted(endpoints.map(({ value }) => value.spec.node)),
    isBlind: unreadable.some(({ key }) => !key.startsWith(IPAM_PREFIX)),
  };
}

function holdersIn({ attributes }: AllocationBlock): readonly string[] {
  return [...new Set((attributes ?? []).flatMap(({ handleId }) => handleId ?? []))];
}

function trie<V>(entries: readonly (readonly [prefix: Prefix, value: V])[]): PrefixTrie<V> {
  const made = new PrefixTrie<V>();
  for (const [prefix, value] of entries) made.set(prefix, value);
  return made;
}

function grouped(pairs: readonly (readonly [key: string, value: string])[]): ReadonlyMap<string, readonly string[]> {
  const groups = Map.groupBy(pairs, ([key]) => key);
  return new Map([...groups].map(([key, members]) => [key, members.map(([, value]) => value)]));
}

function counted(names: readonly string[]): ReadonlyMap<string, number> {
  return new Map([...Map.groupBy(names, (name) => name)].map(([name, members]) => [name, members.length]));
}
