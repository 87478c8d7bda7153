import { type JsonValue, parseJson } from "@ocicat/kit";
import { describeWalk } from "@ocicat/policy";
import { type Step, stepPlace, stepText } from "@ocicat/walk";
import { oneLine } from "../output/line.ts";
import { placeIn, walkJson } from "../policy/walk-json.ts";
import { arrived, type Live } from "./live.ts";
import type { Fact, Hop, Way } from "./way.ts";

/** What comes of the packet by what is stored, and by what was seen. */
export const EXPECTED = {
  arrives: "arrives",
  denied: "denied by policy",
  "no route": "lost, for there is no route",
} as const;

const SEEN = {
  answered: "answered",
  refused: "arrived, and nobody listens there",
  delivered: "delivered",
  lost: "lost",
  gone: "left for where nobody watched",
} as const;

/** Hop for hop: what follows from what is stored, and below it what was seen there; and what was seen elsewhere, as at a router. */
export function wayLines({ hops }: Way, live: Live | undefined): readonly string[] {
  const seen = live?.story.request ?? [];
  return hops.flatMap((hop, index) => {
    const here = seen.filter((step) => isAt(step, hop));
    const next = seen.findIndex((step) => hops.slice(index + 1).some((later) => isAt(step, later)));
    const last = seen.findLastIndex((step) => isAt(step, hop));
    const between = here.length === 0 ? [] : seen.slice(last + 1, next < 0 ? undefined : next);
    return [
      "",
      hop.place,
      ...hop.facts.flatMap(factLines),
      ...seenLines(here),
      ...[...Map.groupBy(between, stepPlace)].flatMap(([place, steps]) => ["", place, ...seenLines(steps)]),
    ];
  });
}

function seenLines(steps: readonly Step[]): readonly string[] {
  const lines = steps.flatMap((step) => stepText(step, "en").map((line) => `    ${line}`));
  return lines.length === 0 ? [] : ["  seen", ...lines];
}

/** In a lab pods are called by their names alone. */
function isAt(step: Step, { place, kind }: Hop): boolean {
  const at = stepPlace(step);
  return at === place || (kind === "pod" && place.endsWith(`/${at}`));
}

const WIDTH = "encapsulation".length;

function factLines(fact: Fact): readonly string[] {
  const label = (name: string) => `  ${name.padEnd(WIDTH)}  `;
  if (fact.about === "policy") {
    const [first = "", ...more] = describeWalk(fact.walk, { placeOf: placeIn(new Map()) });
    return [label("policy") + first, ...more.map((line) => label("") + line)];
  }
  const { about, text, why } = fact;
  return [`${label(about)}${text}${why === undefined || why === "" ? "" : `: ${why}`}`];
}

/** What was seen and counted, and whether it is what was to be expected. */
export function liveLines(expected: boolean, live: Live | undefined): readonly string[] {
  if (live === undefined) return [];
  const { outcome, loss } = live.story;
  const isOtherwise = arrived(live) === !expected;
  const counted = live.counted.map(
    ({ rule, packets }) => `  ${rule}: ${packets} packet${packets === 1 ? "" : "s"} more`,
  );
  return [
    "",
    `Seen: ${SEEN[outcome]}.${loss === null ? "" : ` Last at ${loss.last?.place ?? "its sender"}.`}`,
    ...(counted.length === 0 ? [] : ["Counted by the kernels' rules:", ...counted]),
    ...(isOtherwise ? [`This is not what is stored: by that it ${expected ? "arrives" : "does not arrive"}.`] : []),
  ];
}

export function liveJson(live: Live | undefined): JsonValue {
  if (live === undefined) return null;
  return { story: parseJson(JSON.stringify(live.story)), counted: live.counted.map((one) => ({ ...one })) };
}

/** A line of a text with indents; what comes from a datastore or a kernel is only shown. */
export function keepingIndent(line: string): string {
  return (/^ */.exec(line)?.[0] ?? "") + oneLine(line);
}

export function hopJson({ place, kind, facts }: Hop) {
  return {
    place,
    kind,
    facts: facts.map((fact) =>
      fact.about === "policy"
        ? { about: fact.about, walk: walkJson(fact.walk, new Map()) }
        : { about: fact.about, text: fact.text, why: fact.why ?? null, ends: fact.ends === true },
    ),
  };
}
