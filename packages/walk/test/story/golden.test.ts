import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { storyText, tellStory, type WalkRecord } from "../../src/index.ts";
import { goldenPath, mapPlaces, RECORDINGS, recorded } from "../support/golden.ts";

/** What a change of the sentences is to be seen by: `vitest run packages/walk -u` writes them anew. */
describe.each(RECORDINGS)("the recorded walk %s", (name) => {
  const record = recorded(name);
  const story = tellStory(record);

  it.each(["en", "zh"] as const)("is told in %s as ever", async (language) => {
    await expect(storyText(story, language)).toMatchFileSnapshot(goldenPath(`${name}.${language}.txt`));
  });

  it("is JSON", () => {
    expect(JSON.parse(JSON.stringify(story))).toEqual(story);
  });

  it("is the same in whatever order the places are given", () => {
    expect(tellStory({ ...record, places: record.places.toReversed() })).toEqual(story);
  });

  it("can be told whatever frames are missing or mangled", () => {
    const all = record.places.flatMap(({ frames }) => frames).length;
    const changes = fc.record({
      missing: fc.uniqueArray(fc.nat(all), { maxLength: all }),
      mangled: fc.array(fc.record({ frame: fc.nat(all), at: fc.nat(120), to: fc.nat(255) }), { maxLength: 5 }),
    });
    fc.assert(
      fc.property(changes, (change) => {
        const told = tellStory(spoilt(record, change));
        for (const language of ["en", "zh"] as const) expect(storyText(told, language)).not.toContain("undefined");
        expect(told.loss === null).toBe(told.outcome !== "lost");
      }),
      { numRuns: 150 },
    );
  });
});

interface Change {
  readonly missing: readonly number[];
  readonly mangled: readonly { readonly frame: number; readonly at: number; readonly to: number }[];
}

function spoilt(record: WalkRecord, { missing, mangled }: Change): WalkRecord {
  let number = -1;
  return mapPlaces(record, (place) => ({
    ...place,
    frames: place.frames.flatMap((frame) => {
      number++;
      if (missing.includes(number)) return [];
      const bytes = frame.bytes.slice();
      for (const { frame: which, at, to } of mangled) if (which === number && at < bytes.length) bytes[at] = to;
      return [{ ...frame, bytes }];
    }),
  }));
}

describe("recorded walks", () => {
  it("end as they ended", () => {
    const outcomes = Object.fromEntries(RECORDINGS.map((name) => [name, tellStory(recorded(name)).outcome]));
    expect(outcomes).toEqual({
      bgp: "answered",
      docker: "lost",
      ipip: "answered",
      ipv6: "answered",
      "no-route": "lost",
      outside: "answered",
      "too-big": "lost",
      vxlan: "answered",
    });
  });
});
