import { formatAddress } from "@ocicat/net";
import { errorWords } from "../frame/describe.ts";
import type { Header } from "../frame/layer.ts";
import { explainLoss } from "./loss.ts";
import { obstacles } from "./obstacles.ts";
import type { WalkRecord } from "./record.ts";
import { allSeen, hopsLeft, type Seen, type Sighting, sizeOf } from "./sightings.ts";
import type { Loss, Outcome, Reason, Step, Story, StoryEnd, StoryError } from "./story.ts";
import { departure, wayOf } from "./way.ts";

/** One packet's way, from all that was seen of it. */
export function tellStory(record: WalkRecord): Story {
  const seen = allSeen(record);
  const of = (role: Sighting["role"]) => seen.sightings.filter((sighting) => sighting.role === role);
  const [requests, replies, failures] = [of("request"), of("reply"), of("error")];
  const start = seen.sightings[0]?.time ?? 0n;
  const { neighbours } = seen;
  const request = wayOf({ sightings: requests, neighbours, start });
  const reply = wayOf({ sightings: replies, neighbours, start });
  const errors = errorsIn(record, failures);
  const { outcome, loss } = endingOf(record, seen, { requests, replies, request, errors });
  const { probe, partial } = record;
  return {
    version: 1,
    probe: {
      protocol: probe.protocol,
      source: formatAddress(probe.source),
      destination: formatAddress(probe.destination),
      identifier: probe.identifier,
      port: probe.port ?? null,
      size: probe.size,
    },
    from: endOf(record, record.from, formatAddress(probe.source)),
    to: endOf(record, record.to, formatAddress(probe.destination)),
    outcome,
    request: request.length > 0 ? request : beginning(record, seen),
    reply,
    ttl: { request: ttls(requests), reply: ttls(replies) },
    errors,
    loss,
    partial,
  };
}

interface Events {
  readonly requests: readonly Sighting[];
  readonly replies: readonly Sighting[];
  readonly request: readonly Step[];
  readonly errors: readonly StoryError[];
}

interface Ending {
  readonly outcome: Outcome;
  readonly loss: Loss | null;
}

function endingOf(record: WalkRecord, seen: Seen, events: Events): Ending {
  const outcome = outcomeOf(record, events);
  if (outcome !== "lost") return { outcome, loss: null };
  const loss = lossOf(record, seen, events);
  // What went out to other machines, and has nothing against it here, may be well.
  const { last, reasons } = loss;
  const away = last?.direction === "out" && record.places.find(({ name }) => name === last.place)?.kind !== "pod";
  const isGone = record.partial && away && reasons.every(({ reason }) => reason === "unknown");
  return isGone ? { outcome: "gone", loss: null } : { outcome, loss };
}

function outcomeOf(record: WalkRecord, { replies, request, errors }: Events): Outcome {
  const answer = replies.find(({ place, outgoing }) => place.name === record.from && !outgoing);
  if (answer !== undefined) return isReset(answer.headers) ? "refused" : "answered";
  if (errors.some(({ says, arrived }) => arrived && REFUSALS.has(says))) return "refused";
  if (replies.length > 0) return "lost";
  if (wasDelivered(request)) return record.probe.protocol === "udp" && errors.length === 0 ? "delivered" : "lost";
  return "lost";
}

/** Of the destination itself: it is there, and nobody listens. */
const REFUSALS: ReadonlySet<string> = new Set(["port unreachable", "protocol unreachable"]);

function isReset(headers: readonly Header[]): boolean {
  const last = headers.at(-1);
  return last?.layer === "tcp" && last.flags.includes("RST");
}

function wasDelivered(steps: readonly Step[]): boolean {
  return steps.at(-1)?.step === "deliver";
}

function lossOf(record: WalkRecord, seen: Seen, { requests, replies, request, errors }: Events): Loss {
  if (replies.length > 0) return explainLoss(record, seen, "reply", replies.at(-1), errors);
  const last = requests.at(-1);
  if (last === undefined || !wasDelivered(request)) return explainLoss(record, seen, "request", last, errors);
  // It arrived: what there is against it is at its end, and what there is against an answer.
  const loss = explainLoss(record, seen, "request", last, errors);
  const reasons = loss.reasons.filter(({ reason }) => reason !== "unknown");
  return { ...loss, of: "reply", reasons: [...reasons, ...unanswered(last, seen)] };
}

/** Nothing answers; perhaps because the answer could not leave. */
function unanswered(last: Sighting, { neighbours }: Seen): readonly Reason[] {
  const { place, inner, ends } = last;
  const answer = {
    source: inner.destination,
    destination: inner.source,
    protocol: inner.protocol,
    sourcePort: ends.destinationPort,
    destinationPort: ends.sourcePort,
    hops: 64,
    size: sizeOf(inner),
    answers: true,
  };
  return [...obstacles(place, answer, undefined, neighbours), { reason: "silence", place: place.name }];
}

/** Of a packet that never left: the route that it would have taken, if there is one. */
function beginning(record: WalkRecord, seen: Seen): readonly Step[] {
  const place = record.places.find(({ name }) => name === record.from);
  const { source, destination } = record.probe;
  return place === undefined ? [] : departure(place, source, destination, seen.neighbours);
}

function ttls(sightings: readonly Sighting[]): readonly number[] {
  const all = sightings.map(({ inner }) => hopsLeft(inner));
  return all.filter((ttl, index) => ttl !== all[index - 1]);
}

function errorsIn(record: WalkRecord, sightings: readonly Sighting[]): readonly StoryError[] {
  const errors = new Map<string, StoryError>();
  for (const { headers, inner, place, outgoing } of sightings) {
    const message = headers.find(
      (header) => (header.layer === "icmp" || header.layer === "icmp6") && header.quoted.length > 0,
    );
    if (message?.layer !== "icmp" && message?.layer !== "icmp6") continue;
    const from = formatAddress(inner.source);
    const says = errorWords(message) ?? `type ${message.type} code ${message.code}`;
    const arrived = place.name === record.from && !outgoing;
    // The address it comes from may be changed under way; what it says is not.
    const before = errors.get(says);
    errors.set(says, {
      says,
      from: before?.from ?? from,
      mtu: message.mtu ?? null,
      place: before?.place ?? place.name,
      arrived: arrived || (before?.arrived ?? false),
    });
  }
  return [...errors.values()];
}

function endOf({ places }: WalkRecord, name: string | undefined, address: string): StoryEnd {
  const place = places.find((candidate) => candidate.name === name);
  return { place: place?.name ?? null, kind: place?.kind ?? null, node: place?.node ?? null, address };
}
