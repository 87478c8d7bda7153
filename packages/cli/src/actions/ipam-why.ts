import {
  type AddressHistory,
  type AddressStory,
  explainAddress as explain,
  readCensus,
  readHistory,
  type StoryBlock,
  type StoryHolder,
} from "@ocicat/ipam";
import { OcicatError, stringifyJson } from "@ocicat/kit";
import { readRouteWhys } from "../agents/answers.ts";
import { tryAgents } from "../agents/reach.ts";
import { withDatastore } from "../connect/datastore.ts";
import type { IpamWhyOptions } from "../options/ipam-insight.ts";
import { oneLine } from "../output/line.ts";
import type { Surroundings } from "../surroundings.ts";
import { addressFrom } from "./ipam-address.ts";
import { tellUnreadable } from "./ipam-unreadable.ts";

/** As ipam doctor's standard: younger allocations may only be on their way. */
const GRACE_MS = 15 * 60_000;

export async function explainAddress(surroundings: Surroundings, text: string, options: IpamWhyOptions): Promise<void> {
  const format = FORMATS[options.output];
  if (format === undefined) {
    const fix = `use one of ${Object.keys(FORMATS).join(", ")}`;
    throw new OcicatError({ code: "CLI_OUTPUT", what: `"${options.output}" is not an output format`, fix });
  }
  const address = addressFrom("the address", text);
  const now = surroundings.now().getTime();
  const { known, unreadable } = await withDatastore(surroundings, options.config, async ({ store }) => {
    const census = await readCensus(store);
    const story = explain(census, address, { now, graceMs: GRACE_MS });
    const history = story.block === undefined ? undefined : await readHistory(store, story.block.key, address);
    return { known: { story, history }, unreadable: census.unreadable };
  });
  surroundings.print(format({ ...known, routes: await routesTo(surroundings, known.story.address) }));
  tellUnreadable(surroundings, unreadable);
}

interface Known {
  readonly story: AddressStory;
  readonly history: AddressHistory | undefined;
  /** As the agents in reach tell them. */
  readonly routes: readonly string[];
}

async function routesTo(surroundings: Surroundings, address: string): Promise<readonly string[]> {
  const query = new URLSearchParams({ target: address });
  const answers = await tryAgents(surroundings, `/routes/why?${query}`, readRouteWhys);
  return answers.flatMap(({ node, body }) =>
    body.map(({ destination, route, why = "", kernel }) => {
      return `${node}: ${route ?? `none to ${destination}`} (${kernel})${why === "" ? "" : `: ${why}`}`;
    }),
  );
}

const FORMATS: Readonly<Record<string, (known: Known) => string>> = {
  ps: (known) => `${lines(known).join("\n")}\n`,
  json: ({ story, history, routes }) => `${stringifyJson({ ...story, history, routes }, 2)}\n`,
};

function lines({ story, history, routes }: Known): readonly string[] {
  const { pools, reservedBy, block, holder, givers, uses, contradictions } = story;
  return [
    headline(story),
    "",
    ...(pools.length === 0 ? [row("pool", "none holds it")] : []),
    ...pools.map(({ name, cidr, why }) => row("pool", `${name}, ${cidr}: ${why}`)),
    ...reservedBy.map((name) => row("reserved", `by IPReservation ${name}`)),
    row("block", block === undefined ? "none" : blockText(block)),
    ...(holder === undefined ? [] : holderRows(holder)),
    ...(givers === undefined ? [] : [row("next", givers)]),
    ...uses.map(({ by, as, since }) =>
      row("used by", `${by} as ${as}${since === undefined ? "" : `, there since ${since}`}`),
    ),
    ...(uses.length === 0 ? [row("used by", "no endpoint and no node says it has it")] : []),
    ...routes.map((route) => row("route", route)),
    ...historyRows(history),
    ...contradictions.flatMap(({ code, what, advice, isMendable }) => [
      row("wrong", `${code}: ${what}`),
      row("", isMendable ? `ocicat ipam doctor --fix does it: ${advice}` : advice),
    ]),
  ];
}

const HEADLINES: Readonly<Record<AddressStory["state"], (story: AddressStory) => string>> = {
  held: ({ holder }) => `is held by ${holderName(holder)}, since ${holder?.since ?? "nobody knows when"}`,
  resting: ({ rest }) => `is nobody's; released at ${rest?.since}, it rests until ${rest?.until}`,
  free: () => "is nobody's: it is free in its block",
  unclaimed: () => "is nobody's: no block around it was claimed yet",
  outside: () => "is in no pool: IPAM does not know it",
  unknown: () => "is in a block that cannot be read",
};

function headline(story: AddressStory): string {
  return `${story.address} ${HEADLINES[story.state](story)}.`;
}

function holderName(holder: StoryHolder | undefined): string {
  const { pod, namespace = "", type, node, ...others } = holder?.attributes ?? {};
  const at = node === undefined ? "" : ` on ${node}`;
  const machine = others["vmi-name"];
  if (machine !== undefined) return `virtual machine ${namespace}/${machine}${at}`;
  if (pod !== undefined) return `pod ${namespace}/${pod}${at}`;
  return `${type ?? holder?.handle ?? "somebody unknown"}${at}`;
}

function blockText({ cidr, owner, affinity, claimedAt, total, inUse }: StoryBlock): string {
  const since = claimedAt === undefined ? "" : `, since ${claimedAt}`;
  const whose = owner === null ? "nobody's" : `of ${owner} (affinity ${affinity}${since})`;
  return `${cidr}, ${whose}: ${inUse} of ${total} in use`;
}

function holderRows({ handle, otherAddresses, attributes, alternate, borrowedFrom, sequence }: StoryHolder) {
  const more = otherAddresses.length === 0 ? "holds nothing else" : `holds ${otherAddresses.join(", ")} too`;
  return [
    row("handle", handle === undefined ? "none: who deletes the holder releases nothing" : `${handle}: ${more}`),
    row(
      "given",
      `at sequence number ${sequence} of its block${borrowedFrom === undefined ? "" : `, borrowed from ${borrowedFrom}`}`,
    ),
    ...(Object.keys(attributes).length === 0 ? [] : [row("says", pairs(attributes))]),
    ...(Object.keys(alternate).length === 0 ? [] : [row("besides", pairs(alternate))]),
  ];
}

function historyRows(history: AddressHistory | undefined): readonly string[] {
  if (history === undefined) return [];
  const events = history.events.map(({ revision, what, at }) =>
    row("history", `revision ${revision}: ${what}${at === undefined ? "" : `, ${at}`}`),
  );
  return [...events, row(events.length === 0 ? "history" : "", history.begins)];
}

function pairs(attributes: Readonly<Record<string, string>>): string {
  const names = Object.keys(attributes).sort();
  return names.map((name) => `${name}=${attributes[name]}`).join(", ");
}

function row(label: string, text: string): string {
  return `  ${label.padEnd(8)}  ${oneLine(text)}`;
}
