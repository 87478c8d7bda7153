import { describeOrigin } from "@ocicat/kit";
import { describeRule } from "@ocicat/nftables";
import { entering, type Gate, leaving, type Passage, type PolicyModel, type Step, unlessDenied } from "@ocicat/policy";
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

/** What the model's own judge says of the first packet of such a connection. */
export function reasonsOf(
  places: { readonly incoming: Place | undefined; readonly outgoing: Place | undefined },
  probe: Probe,
  model: PolicyModel,
): string[] {
  const everywhere = [places.incoming, places.outgoing].find((place) => place?.kind === "workload")?.everywhere;
  const passage: Passage = {
    packet: packetOf(probe),
    from: gateOf(places.incoming),
    to: gateOf(places.outgoing),
    everywhere,
  };
  const steps = unlessDenied(
    () => entering(passage, model),
    () => leaving(passage, model),
  );
  const of = ({ endpoint, direction, stage }: Step) => `${endpoint.kind} ${endpoint.id}, ${direction}, ${stage}`;
  const lines = steps.flatMap((step, at) => {
    const next = steps[at + 1];
    const isLast = next === undefined || of(next) !== of(step);
    return isLast ? [`${of(step)}: ${describeStep(step)}`] : [];
  });
  return probe.state === "new" ? lines : [`of a connection that is ${probe.state}`, ...lines];
}

/** What nobody's workload has is judged as what no host endpoint has: the kernel lets neither of them go on. */
function gateOf(place: Place | undefined): Gate {
  if (place === undefined) return { kind: "node" };
  if (place.kind === "host") return { kind: "interface", host: place.endpoint };
  return place.endpoint === undefined
    ? { kind: "interface", host: undefined }
    : { kind: "workload", endpoint: place.endpoint };
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
