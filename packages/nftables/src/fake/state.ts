/** What the fake holds of each object: the attributes it was made with, by type, as they came. */
export type Stored = ReadonlyMap<number, Uint8Array>;

export interface FakeRule {
  readonly handle: bigint;
  readonly attributes: Stored;
}

export interface FakeChain {
  readonly attributes: Stored;
  readonly rules: readonly FakeRule[];
}

export interface FakeSet {
  readonly attributes: Stored;
  /** By key, and whether it ends an interval. */
  readonly elements: ReadonlyMap<string, FakeElement>;
}

export interface FakeElement {
  /** The whole element, as it came. */
  readonly bytes: Uint8Array;
  /** When it goes by itself, in milliseconds of the fake's time; undefined: it stays. */
  readonly goesAt: number | undefined;
}

export interface FakeTable {
  /** NFPROTO_*. */
  readonly family: number;
  readonly name: string;
  readonly flags: number;
  /** Netlink port of the owner, while there is one. */
  readonly owner: number | undefined;
  readonly userdata: Uint8Array | undefined;
  readonly chains: ReadonlyMap<string, FakeChain>;
  readonly sets: ReadonlyMap<string, FakeSet>;
  readonly nextHandle: bigint;
}

/** A whole ruleset. Immutable: a transaction makes a new one, or leaves this one. */
export type FakeRuleset = ReadonlyMap<string, FakeTable>;

export function tableId(family: number, name: string): string {
  return `${family} ${name}`;
}

/** A copy with one entry more, changed, or (undefined) gone. */
export function withEntry<K, V>(map: ReadonlyMap<K, V>, key: K, value: V | undefined): ReadonlyMap<K, V> {
  const copy = new Map(map);
  if (value === undefined) copy.delete(key);
  else copy.set(key, value);
  return copy;
}
