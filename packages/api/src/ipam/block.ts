import { AddressError, bitsOf, type Prefix, parsePrefix } from "@ocicat/net";
import { AllocationAttribute } from "./attribute.ts";
import { IpamCorruptError } from "./errors.ts";
import {
  isCount,
  isObject,
  type JsonObject,
  joinMap,
  joinObject,
  type ObjectReader,
  readObject,
  toGoJson,
  toUint64,
} from "./json.ts";
import { type AffinityOwner, blockKey, formatOwner, parseOwner } from "./keys.ts";

/**
 * A block of addresses with the state of each, in one stored value: who changes any of them compares and swaps them all.
 * Addresses are ordinals, counted from the network address.
 */
export interface AllocationBlock {
  readonly prefix: Prefix;
  /** `host:node1`, `virtual:load-balancer`, or null: nobody allocates from it first. */
  readonly affinity: string | null;
  /** When the affinity was claimed, RFC 3339. */
  readonly affinityClaimTime: string | undefined;
  /** By ordinal: null, or an index into `attributes` (never beyond: the next attribute added would take the address over). */
  readonly allocations: readonly (number | null)[];
  /** The free ordinals; taken from the head, given back to the tail, so that an address rests as long as it can. */
  readonly unallocated: readonly number[];
  /** Null in a block that was never written again since it was made: Go writes a nil slice so. */
  readonly attributes: readonly AllocationAttribute[] | null;
  /** Unsigned 64-bit, one more at every write; begins with nanoseconds since 1970, so that a block made again never repeats one. */
  readonly sequenceNumber: bigint;
  /** By ordinal: the block's sequence number when it was allocated. Old blocks lack entries; that reads as 0. */
  readonly sequenceNumberForAllocation: ReadonlyMap<number, bigint>;
  readonly deleted: boolean;
  /** Fields of later versions, written back as they are. */
  readonly unknown: JsonObject;
}

/** Calico allows /20 and /116; a larger one in the datastore is a mistake that would cost memory. */
const MAX_BLOCK_BITS = 16;

/** Throws IpamCorruptError. `key`: the row's, for the message and, if it is a block's key, to be compared with the CIDR. */
export function decodeBlock(key: string, text: string): AllocationBlock {
  const reader = readObject(key, text);
  const prefix = readPrefix(reader, key);
  const size = 2 ** (bitsOf(prefix.family) - prefix.length);
  const attributes = reader.array("attributes")?.map((value, index) => {
    if (!isObject(value)) return reader.fail(`attributes[${index}]`, "is not an object");
    return AllocationAttribute.decode(key, `attributes[${index}]`, value);
  });
  const hostAffinity = reader.string("hostAffinity");
  const affinity = reader.string("affinity") ?? (hostAffinity === undefined ? null : `host:${hostAffinity}`);
  return {
    prefix,
    affinity,
    affinityClaimTime: reader.string("affinity_claim_time"),
    allocations: readAllocations(reader, size, attributes?.length ?? 0),
    unallocated: readOrdinals(reader, size),
    attributes: attributes ?? null,
    sequenceNumber: reader.uint64("sequenceNumber") ?? 0n,
    sequenceNumberForAllocation: readSequences(reader, key, size),
    deleted: reader.boolean("deleted") ?? false,
    unknown: reader.rest(),
  };
}

/** Compact JSON in Calico's order of fields. */
export function encodeBlock(block: AllocationBlock): string {
  const sequences = joinMap(
    Iterator.from(block.sequenceNumberForAllocation).map(
      ([ordinal, sequence]) => [`${ordinal}`, `${sequence}`] as const,
    ),
  );
  return joinObject(
    [
      ["cidr", toGoJson(block.prefix.toString())],
      ["affinity", toGoJson(block.affinity)],
      ["affinity_claim_time", block.affinityClaimTime === undefined ? undefined : toGoJson(block.affinityClaimTime)],
      ["allocations", JSON.stringify(block.allocations)],
      ["unallocated", JSON.stringify(block.unallocated)],
      ["attributes", block.attributes === null ? "null" : `[${block.attributes.map(({ json }) => json).join(",")}]`],
      ["sequenceNumber", `${block.sequenceNumber}`],
      ["sequenceNumberForAllocation", sequences],
      ["deleted", `${block.deleted}`],
    ],
    block.unknown,
  );
}

/** Who the block is affine to; undefined for nobody, and for a kind of owner we do not know. */
export function blockOwner(block: AllocationBlock): AffinityOwner | undefined {
  return block.affinity === null ? undefined : parseOwner(block.affinity);
}

export function isOwnedBy(block: AllocationBlock, owner: AffinityOwner): boolean {
  return block.affinity === formatOwner(owner);
}

function readPrefix(reader: ObjectReader, key: string): Prefix {
  const cidr = reader.string("cidr") ?? reader.fail("cidr", "is missing");
  let prefix: Prefix;
  try {
    prefix = parsePrefix(cidr);
  } catch (error) {
    if (error instanceof AddressError) return reader.fail("cidr", `is not a network: ${error.message}`);
    throw error;
  }
  if (bitsOf(prefix.family) - prefix.length > MAX_BLOCK_BITS) reader.fail("cidr", `${cidr} is too large for a block`);
  if (key.startsWith("/") && blockKey(prefix) !== key) reader.fail("cidr", `${cidr} does not belong to this key`);
  return prefix;
}

function readAllocations(reader: ObjectReader, size: number, attributes: number): readonly (number | null)[] {
  const allocations = reader.array("allocations") ?? reader.fail("allocations", "is missing");
  if (allocations.length !== size) {
    reader.fail("allocations", `has ${allocations.length} entries, the block ${size} addresses`);
  }
  return allocations.map((value, ordinal) => {
    if (value === null || (isCount(value) && value < attributes)) return value;
    return reader.fail(`allocations[${ordinal}]`, `is neither null nor the index of one of ${attributes} attributes`);
  });
}

function readOrdinals(reader: ObjectReader, size: number): readonly number[] {
  return (reader.array("unallocated") ?? []).map((value, index) => {
    if (isCount(value) && value < size) return value;
    return reader.fail(`unallocated[${index}]`, `is not an ordinal below ${size}`);
  });
}

function readSequences(reader: ObjectReader, key: string, size: number): ReadonlyMap<number, bigint> {
  const sequences = new Map<number, bigint>();
  for (const [text, value] of Object.entries(reader.object("sequenceNumberForAllocation") ?? {})) {
    const field = `sequenceNumberForAllocation.${text}`;
    const sequence = toUint64(value);
    if (!/^\d+$/.test(text) || Number(text) >= size) {
      throw new IpamCorruptError(key, field, `is not for an ordinal below ${size}`);
    }
    if (sequence === undefined) throw new IpamCorruptError(key, field, "is not an unsigned 64-bit integer");
    sequences.set(Number(text), sequence);
  }
  return sequences;
}
