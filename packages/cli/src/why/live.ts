import { OcicatError } from "@ocicat/kit";
import { formatAddress } from "@ocicat/net";
import { type Packet, Protocol, type Step, type Verdict } from "@ocicat/policy";
import { type Story, tellStory } from "@ocicat/walk";
import { countsKey, type RuleCounts, readRuleCounts } from "../agents/policy-answers.ts";
import { tryAgents } from "../agents/reach.ts";
import type { Surroundings } from "../surroundings.ts";
import { follow, type Journey } from "../walk/follow.ts";
import type { Site, SitePlace } from "../walk/site.ts";
import { siteOf } from "../walk/site-of.ts";

/** What a real packet met. */
export interface Live {
  readonly story: Story;
  /** By how much each rule that decided counts more than before: others' packets of the same moment among it. */
  readonly counted: readonly { readonly rule: string; readonly packets: number }[];
}

export interface LiveOptions {
  readonly name?: string;
  readonly config?: string;
}

/** How long an answer is waited for. */
const WAIT_MS = 1_000;

/** Sends the packet, and reads the rules' counters before and after. Needs root. Throws KernelError, OcicatError. */
export async function probeLive(
  surroundings: Surroundings,
  packet: Packet,
  judged: Verdict,
  options: LiveOptions,
): Promise<Live> {
  const protocol = protocolOf(packet);
  const site = await siteOf(surroundings, options);
  const journey: Journey = {
    from: placeAt(site, packet.source),
    to: site.places.find((place) => holds(place, packet.destination)),
    source: packet.source,
    destination: packet.destination,
    protocol,
    port: packet.destinationPort,
    size: undefined,
    waitMs: WAIT_MS,
  };
  const ids = endpointsOf(judged);
  const before = await countersOf(surroundings, ids);
  const story = await follow(site, journey, surroundings.tell, ({ record }) => tellStory(record));
  const after = await countersOf(surroundings, ids);
  return { story, counted: decidingRules(judged).flatMap((rule) => increase(rule, before, after)) };
}

/** Whether it got where it was going; undefined: it left for where nobody watched. */
export function arrived({ story }: Live): boolean | undefined {
  return story.outcome === "gone" ? undefined : story.outcome !== "lost";
}

function protocolOf({ protocol }: Packet): Journey["protocol"] {
  const known = new Map<number, Journey["protocol"]>([
    [Protocol.icmp, "icmp"],
    [Protocol.icmpv6, "icmp"],
    [Protocol.tcp, "tcp"],
    [Protocol.udp, "udp"],
  ]);
  const found = known.get(protocol);
  if (found !== undefined) return found;
  throw new OcicatError({
    code: "CLI_ARGUMENTS",
    where: "--live",
    what: "only packets of TCP, UDP and ICMP are sent",
    fix: "leave out --live",
  });
}

/** Throws OcicatError WALK_ELSEWHERE. */
function placeAt({ places }: Site, address: Packet["source"]): SitePlace {
  const found = places.find((place) => place.open !== undefined && holds(place, address));
  if (found !== undefined) return found;
  throw new OcicatError({
    code: "WALK_ELSEWHERE",
    what: `${formatAddress(address)} is not in reach, and a packet is sent from its own network`,
    fix: "run this on its node, or without --live",
  });
}

function holds({ addresses }: SitePlace, address: Packet["source"]): boolean {
  return addresses.includes(formatAddress(address));
}

function endpointsOf({ egress, ingress }: Verdict): readonly string[] {
  const steps = [egress, ingress].flatMap((walk) => walk?.steps ?? []);
  return [...new Set(steps.map(({ endpoint }) => endpoint.id))];
}

/** Of the agents in reach that enforce them. */
async function countersOf(
  surroundings: Surroundings,
  ids: readonly string[],
): Promise<ReadonlyMap<string, RuleCounts>> {
  const answers = await Promise.all(
    ids.map(async (endpoint) => {
      const query = new URLSearchParams({ endpoint });
      const [answer] = await tryAgents(surroundings, `/policy/show?${query}`, readRuleCounts);
      return answer === undefined ? [] : [[endpoint, answer.body] as const];
    }),
  );
  return new Map(answers.flat());
}

interface DecidingRule {
  readonly endpoint: string;
  readonly key: string;
}

/** Rules that matched in policies in force and in profiles. */
function decidingRules({ egress, ingress }: Verdict): readonly DecidingRule[] {
  return [egress, ingress].flatMap((walk) =>
    (walk?.steps ?? []).flatMap((step) => {
      const of = nameOf(step);
      if (walk === undefined || of === undefined || !("rule" in step) || step.rule === undefined) return [];
      return [{ endpoint: step.endpoint.id, key: countsKey(of, walk.direction, step.rule.field) }];
    }),
  );
}

function nameOf(step: Step): string | undefined {
  if (step.kind === "policy") return step.staged === undefined ? step.policy : undefined;
  return step.kind === "profile" ? `Profile ${step.profile}` : undefined;
}

function increase(
  { endpoint, key }: DecidingRule,
  before: ReadonlyMap<string, RuleCounts>,
  after: ReadonlyMap<string, RuleCounts>,
): Live["counted"] {
  const [was, is] = [before, after].map((counts) => counts.get(endpoint)?.packets.get(key));
  return was === undefined || is === undefined ? [] : [{ rule: key, packets: is - was }];
}
