import type { IPPool } from "@ocicat/api";
import { type AllocationBlock, IPAM_PREFIX, parseIpamKey } from "@ocicat/api/ipam";
import { Prefix, PrefixTrie, parseAddress, parsePrefix } from "@ocicat/net";
import { isAllocated, isCooling, ordinalOf } from "../../block/index.ts";
import { type Census, needsAllocation, type Stored } from "../../census/index.ts";

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
  /** What most handles of containers begin with: the CNI network's name. */
  readonly network: string;
  readonly endpointsOn: ReadonlyMap<string, number>;
  /** The keys of blocks that hold an address for nobody though somebody uses it. They are not as empty as they say. */
  readonly usedUnheld: ReadonlySet<string>;
  /** Some endpoint, node or pool cannot be read: it may be about anything, so nothing is known to be unused. */
  readonly isBlind: boolean;
}

export function evidenceOf(census: Census, options: EvidenceOptions): Evidence {
  const { blocks, endpoints, handles, nodes, pools, unreadable } = census;
  const blocksByPrefix = trie(blocks.map((stored) => [stored.value.prefix, stored] as const));
  return {
    ...options,
    census,
    nodes: new Set(nodes.map(({ value }) => value.metadata.name)),
    pools: trie(pools.map((pool) => [parsePrefix(pool.spec.cidr), pool])),
    blocks: blocksByPrefix,
    usedUnheld: usedUnheld(census, blocksByPrefix),
    unreadableBlocks: trie(
      unreadable.flatMap(({ key }) => {
        const parsed = parseIpamKey(key);
        return parsed?.kind === "block" ? [[parsed.prefix, key] as const] : [];
      }),
    ),
    blocksOf: grouped(blocks.flatMap(({ key, value }) => holdersIn(value).map((id) => [id, key] as const))),
    handlesOf: grouped([...handles.keys()].map((id) => [id.slice(id.lastIndexOf(".") + 1), id] as const)),
    network: networkOf([...handles.keys()]),
    endpointsOn: counted(endpoints.map(({ value }) => value.spec.node)),
    isBlind: unreadable.some(({ key }) => !key.startsWith(IPAM_PREFIX)),
  };
}

const DEFAULT_NETWORK = "k8s-pod-network";

function networkOf(handles: readonly string[]): string {
  const names = handles.flatMap((id) => /^(.+)\.[0-9a-f]{64}$/.exec(id)?.[1] ?? []);
  const [most] = [...counted(names)].sort(([, a], [, b]) => b - a);
  return most?.[0] ?? DEFAULT_NETWORK;
}

function usedUnheld({ uses }: Census, blocks: Evidence["blocks"]): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const [text, users] of uses) {
    if (!users.some(needsAllocation)) continue;
    const address = parseAddress(text);
    const around = [...blocks.matches(Prefix.host(address))].map(({ value }) => value);
    if (around.some(({ value: block }) => isHeld(block, ordinalOf(block, address)))) continue;
    for (const { key } of around) keys.add(key);
  }
  return keys;
}

/** By somebody, and not only resting. */
export function isHeld(block: AllocationBlock, ordinal: number): boolean {
  return isAllocated(block, ordinal) && !isCooling(block, ordinal);
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
