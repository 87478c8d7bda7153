import { asPathLength, neighbourAs } from "../wire/attributes/as-path.ts";
import { COMMUNITY } from "../wire/attributes/communities.ts";
import { canonicalBytes } from "../wire/attributes/encode.ts";
import type { PathAttributes } from "../wire/attributes/types.ts";
import { Arena } from "./arena.ts";
import { fromCanonicalBytes } from "./attribute-bytes.ts";
import { FIRST_ROWS, grown32, grownU8, grownU16, grownU32, NONE, Rows, roomFor } from "./columns.ts";
import { HashIndex } from "./hash-index.ts";

/** A set of path attributes by number, for as long as somebody holds it. Equal attributes have the same number. */
export type AttributeId = number;

export const DEFAULT_LOCAL_PREF = 100;

/** What the RIB asks of a set, a bit each: communities that it acts upon, and whether there is a MED. */
export const MARK = { noAdvertise: 1, noExport: 2, gracefulShutdown: 4, llgrStale: 8, noLlgr: 16, hasMed: 32 } as const;

const MARK_OF: ReadonlyMap<number, number> = new Map([
  [COMMUNITY.noAdvertise, MARK.noAdvertise],
  [COMMUNITY.noExport, MARK.noExport],
  // Outside a confederation the two mean the same.
  [COMMUNITY.noExportSubconfed, MARK.noExport],
  [COMMUNITY.gracefulShutdown, MARK.gracefulShutdown],
  [COMMUNITY.llgrStale, MARK.llgrStale],
  [COMMUNITY.noLlgr, MARK.noLlgr],
]);

/** Sets that are kept as objects beside their bytes: the last that somebody looked into. */
const MOST_OBJECTS = 4096;

/**
 * Attribute sets, each kept once however many paths have it: as canonical bytes in an arena, and what the decision process
 * compares as columns. Objects are made where somebody asks for one: a policy, a person, the encoder.
 *
 *     bytes ─► index ─► id ─► holders, arena, localPref, pathLength, origin, med, …
 */
export class AttributeStore {
  readonly #rows = new Rows();
  readonly #arena = new Arena();
  readonly #index = new HashIndex();
  #holders = new Int32Array(FIRST_ROWS);
  #generation = new Uint32Array(FIRST_ROWS);
  #objects = new Map<AttributeId, PathAttributes>();
  /** LOCAL_PREF, 100 where there is none. */
  localPref = new Uint32Array(FIRST_ROWS);
  /** As RFC 4271 §9.1.2.2 a) counts. */
  pathLength = new Uint16Array(FIRST_ROWS);
  origin = new Uint8Array(FIRST_ROWS);
  /** 0 where there is none. */
  med = new Uint32Array(FIRST_ROWS);
  /** The AS that the path came through; 0: it began in ours. */
  neighbourAs = new Uint32Array(FIRST_ROWS);
  /** ORIGINATOR_ID; 0: none. */
  originatorId = new Uint32Array(FIRST_ROWS);
  /** Members of CLUSTER_LIST. */
  clusters = new Uint16Array(FIRST_ROWS);
  /** Bits of MARK. */
  marks = new Uint8Array(FIRST_ROWS);

  /** Sets that are held. */
  get size(): number {
    return this.#rows.size;
  }

  /** All numbers in use are below. */
  get end(): number {
    return this.#rows.end;
  }

  /** The number of these attributes, held once more. */
  acquire(attributes: PathAttributes): AttributeId {
    const bytes = canonicalBytes(attributes);
    const hash = hashOf(bytes);
    const index = this.#index;
    let slot = index.home(hash);
    for (let id = index.at(slot); id !== NONE; slot = index.next(slot), id = index.at(slot)) {
      if (index.hashOf(id) === hash && this.#arena.equals(id, bytes)) return this.hold(id);
    }
    const id = this.#rows.take();
    if (id >= this.#holders.length) this.#makeRoom(id);
    this.#arena.put(id, bytes);
    index.put(slot, id, hash);
    this.#holders[id] = 1;
    this.#describe(id, attributes);
    this.#keep(id, attributes);
    return id;
  }

  /** Holds a set once more. */
  hold(id: AttributeId): AttributeId {
    if (id !== NONE) this.#holders[id] = (this.#holders[id] ?? 0) + 1;
    return id;
  }

  release(id: AttributeId): void {
    if (id === NONE) return;
    const left = (this.#holders[id] ?? 0) - 1;
    if (left < 0) throw new Error("an attribute set is released that nobody holds");
    this.#holders[id] = left;
    if (left === 0) this.#remove(id);
  }

  is(id: AttributeId, mark: number): boolean {
    return ((this.marks[id] ?? 0) & mark) !== 0;
  }

  attributes(id: AttributeId): PathAttributes {
    const known = this.#objects.get(id);
    if (known !== undefined) return known;
    const made = fromCanonicalBytes(this.#arena.get(id));
    this.#keep(id, made);
    return made;
  }

  /** The same as canonical bytes: a view, good until the next set is acquired. */
  bytes(id: AttributeId): Uint8Array {
    return this.#arena.get(id);
  }

  /** Another number whenever `id` has come to mean another set: for what is remembered of a set that is not held. */
  generation(id: AttributeId): number {
    return this.#generation[id] ?? 0;
  }

  #describe(
    id: AttributeId,
    { localPref, asPath, origin, med, originatorId, clusterList, communities }: PathAttributes,
  ) {
    this.localPref[id] = localPref ?? DEFAULT_LOCAL_PREF;
    this.pathLength[id] = asPathLength(asPath);
    this.origin[id] = origin;
    this.med[id] = med ?? 0;
    this.neighbourAs[id] = neighbourAs(asPath) ?? 0;
    this.originatorId[id] = originatorId ?? 0;
    this.clusters[id] = clusterList?.length ?? 0;
    const hasMed = med === undefined ? 0 : MARK.hasMed;
    this.marks[id] = (communities ?? []).reduce<number>((marks, one) => marks | (MARK_OF.get(one) ?? 0), hasMed);
  }

  #keep(id: AttributeId, attributes: PathAttributes): void {
    if (this.#objects.size >= MOST_OBJECTS) this.#objects = new Map();
    this.#objects.set(id, attributes);
  }

  #remove(id: AttributeId): void {
    this.#index.remove(id);
    this.#arena.drop(id);
    this.#objects.delete(id);
    this.#generation[id] = (this.#generation[id] ?? 0) + 1;
    this.#rows.give(id);
  }

  #makeRoom(id: number): void {
    const rows = roomFor(id, this.#holders.length);
    this.#holders = grown32(this.#holders, rows);
    this.#generation = grownU32(this.#generation, rows);
    this.localPref = grownU32(this.localPref, rows);
    this.pathLength = grownU16(this.pathLength, rows);
    this.origin = grownU8(this.origin, rows);
    this.med = grownU32(this.med, rows);
    this.neighbourAs = grownU32(this.neighbourAs, rows);
    this.originatorId = grownU32(this.originatorId, rows);
    this.clusters = grownU16(this.clusters, rows);
    this.marks = grownU8(this.marks, rows);
  }
}

/** FNV-1a. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c_9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x0100_0193);
  return hash ^ (hash >>> 15);
}
