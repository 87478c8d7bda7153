import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Place, PlaceState, WalkRecord } from "../../src/index.ts";
import { decodeRecord } from "./recording.ts";

const GOLDEN = new URL("../golden/", import.meta.url);

export function goldenPath(file: string): string {
  return fileURLToPath(new URL(file, GOLDEN));
}

/** Walks that were recorded in real labs (e2e/support/record-walks.ts). */
export const RECORDINGS: readonly string[] = readdirSync(GOLDEN)
  .filter((file) => file.endsWith(".json"))
  .map((file) => file.slice(0, -".json".length));

export function recorded(name: string): WalkRecord {
  return decodeRecord(readFileSync(goldenPath(`${name}.json`), "utf8"));
}

/** The record as if nothing had been seen after the first `count` frames of all, in the order of their times. */
export function endingAfter(record: WalkRecord, count: number): WalkRecord {
  const all = record.places.flatMap(({ frames }) => frames).toSorted((a, b) => Number(a.time - b.time));
  const kept = new Set(all.slice(0, count));
  return mapPlaces(record, (place) => ({ ...place, frames: place.frames.filter((frame) => kept.has(frame)) }));
}

export function mapPlaces(record: WalkRecord, change: (place: Place) => Place): WalkRecord {
  return { ...record, places: record.places.map(change) };
}

/** The record with what one place's kernel held made otherwise. */
export function withState(
  record: WalkRecord,
  name: string,
  change: (state: PlaceState) => Partial<PlaceState>,
): WalkRecord {
  return mapPlaces(record, (place) =>
    place.name === name ? { ...place, state: { ...place.state, ...change(place.state) } } : place,
  );
}
