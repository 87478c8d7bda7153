import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { isOcicatError, toError } from "@ocicat/kit";
import { type Address, compareAddresses, familyOf, formatAddress } from "@ocicat/net";
import {
  answeredIn,
  findRoute,
  type MadeProbe,
  makeProbe,
  type Place,
  type PlaceState,
  type ProbeProtocol,
  type RouteReason,
  type WalkRecord,
} from "@ocicat/walk";
import { readRouteWhys } from "../agents/answers.ts";
import { askAgent } from "../agents/ask.ts";
import { Post } from "./post.ts";
import type { Site, SitePlace } from "./site.ts";

export interface Journey {
  readonly from: SitePlace;
  readonly to: SitePlace | undefined;
  readonly source: Address;
  readonly destination: Address;
  readonly protocol: ProbeProtocol;
  readonly port: number | undefined;
  readonly size: number | undefined;
  /** How long an answer is waited for. */
  readonly waitMs: number;
}

export interface Followed {
  readonly record: WalkRecord;
  readonly posts: readonly Post[];
}

/**
 * Sends one packet and watches every place that it may come by. `use` is given what was seen while all is still open.
 * `tell` is told what is left out. Throws KernelError, OcicatError.
 */
export async function follow<T>(
  site: Site,
  journey: Journey,
  tell: (line: string) => void,
  use: (followed: Followed) => T,
): Promise<T> {
  const family = familyOf(journey.source);
  using open = new DisposableStack();
  const posts = watchedPlaces(site, journey).flatMap((place) =>
    place.open === undefined ? [] : [open.use(new Post(place, place.open, family))],
  );
  const first = posts.find(({ place }) => place === journey.from);
  if (first === undefined) throw new TypeError("the packet's first place is not among the places");
  const source = sourceOf(first.state, journey);
  const made = makeProbe({ ...journey, source, random: randomBytes(18) });
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
  const look = () => {
    if (answeredIn(made.probe, first.frames)) answer();
  };
  for (const post of posts) post.watch(made, post === first ? look : () => undefined);
  const [whys, stamped = true] = await Promise.all([
    Promise.all(posts.map((post) => whysOf(post.place, journey, tell))),
    // What is seen in several networks is put in order by its time.
    posts.find(({ hasLoopback }) => hasLoopback)?.stamped(),
  ]);
  if (!stamped) tell("frames do not bear the time they were seen at: steps may be told in another order");
  askAnew(first, made);
  const refused = await sendAndWait(first, made, answered, journey);
  const places = posts.map((post, index): Place => {
    const { name, kind, node } = post.place;
    return { name, kind, node, state: post.finish(), frames: post.frames, whys: whys[index] ?? [] };
  });
  const { from, to } = journey;
  const { partial } = site;
  return use({ record: { probe: made.probe, from: from.name, to: to?.name, places, refused, partial }, posts });
}

/** As the kernel chooses it: what the route says, else an address of the interface it leads to. */
function sourceOf(state: PlaceState, { source, destination }: Journey): Address {
  const { route, link } = findRoute(state, source, destination);
  const beside = state.addresses.find(
    ({ linkIndex, address, scope }) =>
      linkIndex === link?.index && scope === 0 && familyOf(address) === familyOf(destination),
  );
  return route?.preferredSource ?? beside?.address ?? source;
}

/** All nodes, routers and hosts: which way it takes is what is to be found out. Of the pods the two that speak. */
function watchedPlaces({ places }: Site, { from, to }: Journey): readonly SitePlace[] {
  return places.filter((place) => place.kind !== "pod" || place === from || place === to);
}

/** Sends it, and waits for the answer or an error, no longer than it was told. Returns errno's name if it was refused. */
async function sendAndWait(
  first: Post,
  made: MadeProbe,
  answered: Promise<void>,
  { waitMs }: Journey,
): Promise<string | undefined> {
  const sent = first.send(made);
  const patience = new AbortController();
  try {
    if (sent.refused === undefined)
      await Promise.race([answered, pause(waitMs, undefined, { signal: patience.signal })]);
    return sent.refused;
  } finally {
    patience.abort();
    sent.close();
  }
}

/** The first neighbour is asked for again, so that its question is seen. */
function askAnew(first: Post, { probe }: MadeProbe): void {
  const { hop, link } = findRoute(first.state, probe.source, probe.destination);
  const next = hop?.via ?? probe.destination;
  const known = first.state.neighbours.find(
    ({ linkIndex, address }) => linkIndex === link?.index && compareAddresses(address, next) === 0,
  );
  if (known !== undefined) first.forget(known);
}

/** Why a node's routes to either end are there. An agent that does not answer only leaves that out. */
async function whysOf(
  { name, agentSocket }: SitePlace,
  { source, destination }: Journey,
  tell: (line: string) => void,
): Promise<readonly RouteReason[]> {
  if (agentSocket === undefined) return [];
  try {
    const answers = await Promise.all(
      [source, destination].map(async (address) => {
        const query = new URLSearchParams({ target: formatAddress(address) });
        return readRouteWhys(await askAgent(agentSocket, `/routes/why?${query}`));
      }),
    );
    return answers
      .flat()
      .flatMap(({ destination: prefix, why }) => (why === undefined ? [] : [{ destination: prefix, why }]));
  } catch (error) {
    if (!isOcicatError(error)) throw error;
    tell(`why ${name}'s routes are there is left out: ${toError(error).message}`);
    return [];
  }
}
