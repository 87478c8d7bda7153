import { type AllocationBlock, decodeBlock, IpamCorruptError } from "@ocicat/api/ipam";
import { type Datastore, DatastoreError, type KeyValue } from "@ocicat/datastore";
import type { Address } from "@ocicat/net";
import { attributeOf, isAllocated, ordinalOf, sequenceOf } from "../block/index.ts";

/** Something that happened to an address, as the versions of its block tell it. */
export interface AddressEvent {
  /** The store's, at which it happened. */
  readonly revision: bigint;
  readonly what: string;
  /** When, as far as the block says: RFC 3339, or as Go prints a time. */
  readonly at: string | undefined;
}

export interface AddressHistory {
  /** The latest first. */
  readonly events: readonly AddressEvent[];
  /** Why it goes no further back, in words. */
  readonly begins: string;
}

/** Versions looked at: each is a read. */
const VERSIONS = 200;

/** Goes back through the versions of a block as far as the store still has them. Throws DatastoreError. */
export async function readHistory(store: Datastore, blockKey: string, address: Address): Promise<AddressHistory> {
  const events: AddressEvent[] = [];
  let newer = await store.get(blockKey);
  if (newer === undefined) return { events, begins: "there is no block of it" };
  for (let count = 0; count < VERSIONS; count++) {
    const older = await versionBefore(store, newer);
    if (older === "forgotten")
      return { events, begins: `what was before revision ${newer.modRevision} the store has forgotten` };
    const event = changeOf(older, newer, address);
    if (event !== undefined) events.push(event);
    if (older === undefined) return { events, begins: `the block was made at revision ${newer.modRevision}` };
    newer = older;
  }
  return { events, begins: `not looked at further back than ${VERSIONS} versions of the block` };
}

async function versionBefore(store: Datastore, { key, modRevision, createRevision }: KeyValue) {
  if (modRevision === createRevision) return undefined;
  try {
    return await store.get(key, modRevision - 1n);
  } catch (error) {
    if (error instanceof DatastoreError && error.code === "COMPACTED") return "forgotten" as const;
    throw error;
  }
}

function changeOf(older: KeyValue | undefined, newer: KeyValue, address: Address): AddressEvent | undefined {
  const [before, after] = [older, newer].map((row) => holdingIn(row, address));
  if (before === undefined || after === undefined || before.mark === after.mark) return undefined;
  return { revision: newer.modRevision, what: after.told(before), at: after.at };
}

interface Holding {
  readonly mark: string;
  readonly at: string | undefined;
  readonly told: (before: Holding) => string;
  readonly name: string;
}

function holdingIn(row: KeyValue | undefined, address: Address): Holding | undefined {
  const block = row === undefined ? undefined : decoded(row);
  if (row !== undefined && block === undefined) return undefined;
  const ordinal = block === undefined ? 0 : ordinalOf(block, address);
  if (block === undefined || !isAllocated(block, ordinal)) {
    return { mark: "free", name: "nobody", at: undefined, told: ({ name }) => `released by ${name}` };
  }
  const attribute = attributeOf(block, ordinal);
  if (attribute?.releasedAt !== undefined) {
    const at = attribute.releasedAt;
    return { mark: `resting ${at}`, name: "its rest", at, told: ({ name }) => `released by ${name}, rests` };
  }
  const { pod, namespace = "", timestamp } = attribute?.secondary ?? {};
  const name = [
    attribute?.handleId ?? "somebody without a handle",
    ...(pod === undefined ? [] : [`for ${namespace}/${pod}`]),
  ].join(" ");
  return { mark: `held ${sequenceOf(block, ordinal)} ${name}`, name, at: timestamp, told: () => `given to ${name}` };
}

function decoded({ key, value }: KeyValue): AllocationBlock | undefined {
  try {
    return decodeBlock(key, value);
  } catch (error) {
    if (!(error instanceof IpamCorruptError)) throw error;
    return undefined;
  }
}
