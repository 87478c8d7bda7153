import { describeOrigin } from "@ocicat/kit";
import { describeRule } from "@ocicat/nftables";
import { type Direction, type Endpoint, judge, type PolicyModel, type Stage, type Step } from "@ocicat/policy";
import type { KernelVerdict, Met } from "./kernel/judge.ts";
import { describeProbe, type Probe, packetOf } from "./probe.ts";
import type { Journey, Place } from "./traffic.ts";

/** Something in the kernel that is not what the model wants, or of which nobody can say so. */
export type Difference =
  /** A part of the table, not one packet. */
  { readonly kind: "table"; readonly what: string } | PacketDifference;

/** A packet that is judged otherwise. */
export interface PacketDifference {
  readonly kind: "packet";
  readonly journey: Journey;
  /** Undefined: from the host itself. */
  readonly incoming: Place | undefined;
  /** Undefined: to the host itself. */
  readonly outgoing: Place | undefined;
  readonly probe: Probe;
  readonly kernel: KernelVerdict;
  /** Of a packet that could not be judged here: what it depends on. */
  readonly unknown: string | undefined;
  readonly model: "accept" | "drop";
  /** What decided, endpoint for endpoint and stage for stage. */
  readonly because: readonly string[];
}

/** A few lines for people. */
export function describeDifference(difference: Difference): string {
  if (difference.kind === "table") return difference.what;
  const { journey, incoming, outgoing, probe, kernel, unknown, model, because } = difference;
  const way = { forward: "forwarded", input: "to this host", output: "from this host" }[journey];
  const ends = [
    ...(incoming === undefined ? [] : [`from ${describePlace(incoming)}`]),
    ...(outgoing === undefined ? [] : [`to ${describePlace(outgoing)}`]),
  ];
  const says = unknown === undefined ? `would ${kernel.verdict} it` : `does with it what cannot be told: ${unknown}`;
  const last = kernel.met.at(-1);
  return [
    `${way}, ${ends.join(" ")}: ${describeProbe(probe)}`,
    `  the kernel ${says}${last === undefined ? "" : `: ${describeMet(last)}`}`,
    `  the model ${model === "accept" ? "allows" : "denies"} it${because.map((line) => `\n    ${line}`).join("")}`,
  ].join("\n");
}

export function describeMet({ base, chain, index, rule }: Met): string {
  if (rule === undefined || index === undefined) return `policy ${base.policy} of chain ${base.name}`;
  return `chain ${chain.name}, rule ${index + 1}: ${describeRule({ ...rule, comment: undefined })} (${describeOrigin(rule.origin)})`;
}

function describePlace({ kind, name, endpoint }: Place): string {
  if (endpoint === undefined) return kind === "workload" ? `${name} (of no workload)` : name;
  return `${name} (${endpoint.kind === "workload" ? endpoint.workload : `host endpoint ${endpoint.id}`})`;
}

/** Which endpoints' policies a packet meets on its way, in order. */
const ASKED: Readonly<Record<Journey, readonly [side: "incoming" | "outgoing", Endpoint["kind"], Direction, Stage][]>> =
  {
    forward: [
      ["incoming", "host", "ingress", "untracked"],
      ["incoming", "host", "ingress", "preDnat"],
      ["incoming", "host", "ingress", "forward"],
      ["incoming", "workload", "egress", "normal"],
      ["outgoing", "workload", "ingress", "normal"],
      ["outgoing", "host", "egress", "forward"],
    ],
    input: [
      ["incoming", "host", "ingress", "untracked"],
      ["incoming", "host", "ingress", "preDnat"],
      ["incoming", "host", "ingress", "normal"],
      ["incoming", "workload", "egress", "normal"],
    ],
    output: [
      ["outgoing", "host", "egress", "untracked"],
      ["outgoing", "host", "egress", "normal"],
    ],
  };

/** What the model's own judge says of the first packet of such a connection. */
export function reasonsOf(
  journey: Journey,
  places: { readonly incoming: Place | undefined; readonly outgoing: Place | undefined },
  probe: Probe,
  model: PolicyModel,
): string[] {
  const lines = ASKED[journey].flatMap(([side, kind, direction, stage]) => {
    const endpoint = places[side]?.endpoint;
    if (endpoint?.kind !== kind) return [];
    const last = judge({ packet: packetOf(probe), endpoint, direction, stage }, model).at(-1);
    return last === undefined ? [] : [`${kind} ${endpoint.id}, ${direction}, ${stage}: ${describeStep(last)}`];
  });
  return probe.state === "new" ? lines : [`of a connection that is ${probe.state}`, ...lines];
}

function describeStep(step: Step): string {
  switch (step.kind) {
    case "policy":
      return `${step.outcome} by ${step.policy}${step.rule === undefined ? "" : `, ${step.rule.field}`}`;
    case "tier":
      return `${step.outcome} at the end of tier ${step.tier}`;
    case "profile":
      return `${step.outcome} by profile ${step.profile}${step.rule === undefined ? "" : `, ${step.rule.field}`}`;
    case "fixed":
      return `${step.outcome}: ${step.reason}`;
  }
}
