import { formatAddress, Prefix } from "@ocicat/net";
import { endpointKey, type Packet, type Policy, type PolicyModel, verdict } from "@ocicat/policy";
import { shrinkPolicies } from "../../support/random-policies.ts";
import { ELSEWHERE_POLICY, type ProvableOptions, provable } from "./provable.ts";
import { Proof, type Way } from "./prove.ts";

export interface SearchOptions extends ProvableOptions {
  readonly seeds: Iterable<number>;
  /** Packets for each ordered pair of ends of one family. */
  readonly each: number;
  readonly way: Way;
}

/**
 * Looks for a packet about which a kernel and the model do not agree: by proof of what is read back after each change, and by
 * packets. Throws with the smallest model found that shows it, and
 * with the seed by which it is found again. Answers how many packets were sent.
 */
export function search(options: SearchOptions, told: (seed: number, sent: number) => void = () => undefined): number {
  using proof = new Proof(provable(0, options), options.way);
  let total = 0;
  for (const seed of options.seeds) {
    const model = provable(seed, options);
    proof.enforce(model);
    const differences = proof.differences(model);
    if (differences.length > 0) throw new Error([`seed ${seed}, read back:`, ...differences].join("\n"));
    const { sent, wrong } = proof.probe(model, seed, options.each);
    total += sent;
    const packets = wrong.map(({ packet }) => packet);
    if (packets.length > 0) throw new Error(report(seed, options, model, packets));
    told(seed, sent);
  }
  return total;
}

/** On a node of its own, and whole: what only a change does wrong stays as large as it was found. */
function report(seed: number, options: SearchOptions, model: PolicyModel, packets: readonly Packet[]): string {
  using proof = new Proof(model, "whole");
  const wrongIn = (candidate: PolicyModel) => {
    proof.enforce(candidate);
    return proof.disagreements(candidate, packets.slice(0, 20), 50);
  };
  const fails = (candidate: PolicyModel) => isComplete(candidate, model) && wrongIn(candidate).length > 0;
  const isWhole = fails(model);
  const small = isWhole ? shrinkPolicies(model, fails) : model;
  const wrong = isWhole ? wrongIn(small).map(({ packet }) => packet) : packets;
  return [
    `seed ${seed}, ${options.hosts === true ? "with host endpoints" : "workloads only"}, ${isWhole ? "also from scratch" : "only by changes from the model before"}`,
    ...wrong
      .slice(0, 5)
      .map((packet) => `  ${describePacket(packet)}: ${describeVerdict(packet, small)}; the kernel does not agree`),
    ...small.policies.filter(({ id }) => id !== ELSEWHERE_POLICY).map(describePolicy),
    JSON.stringify({ ...small, policies: undefined }, readable),
  ].join("\n");
}

/** The node's links, and who is elsewhere, are not the model's to leave out. */
function isComplete({ endpoints, policies }: PolicyModel, whole: PolicyModel): boolean {
  const keys = new Set(endpoints.map(endpointKey));
  return (
    whole.endpoints.every((one) => keys.has(endpointKey(one))) && policies.some(({ id }) => id === ELSEWHERE_POLICY)
  );
}

function describePacket({ source, destination, protocol, sourcePort, destinationPort, icmp }: Packet): string {
  const end = (address: Packet["source"], port: number | undefined) =>
    port === undefined ? formatAddress(address) : `${formatAddress(address)} port ${port}`;
  const what = icmp === undefined ? "" : ` type ${icmp.type} code ${icmp.code}`;
  return `protocol ${protocol}${what} from ${end(source, sourcePort)} to ${end(destination, destinationPort)}`;
}

function describeVerdict(packet: Packet, model: PolicyModel): string {
  const { allowed, egress, ingress } = verdict(packet, model);
  const steps = [egress, ingress].flatMap((walk) =>
    (walk?.steps ?? []).map((step) => {
      const who = step.kind === "policy" ? step.policy : step.kind === "profile" ? step.profile : step.kind;
      return `${walk?.direction} ${step.stage} ${who}: ${step.outcome}`;
    }),
  );
  return `${allowed ? "allowed" : "denied"} by the model (${steps.join(", ")})`;
}

function describePolicy(policy: Policy): string {
  return JSON.stringify(policy, readable);
}

/** What stands for itself in a report; what says nothing is left out. */
function readable(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString(16);
  if (value instanceof Prefix) return value.toString();
  if (Array.isArray(value) && value.length === 0) return undefined;
  if (typeof value === "object" && value !== null && "matches" in value && "text" in value) return value.text;
  return value;
}
