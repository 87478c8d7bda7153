import { compileSelector } from "@ocicat/api";
import { type Host, type Policy, type PolicyModel, Protocol, policyId, type Rule } from "@ocicat/policy";
import { NO_END, NODE, randomPolicies } from "../../support/random-policies.ts";
import { NODE_ADDRESSES, UPLINK } from "./node.ts";

export interface ProvableOptions {
  /** With a host endpoint at the only way out, most times. */
  readonly hosts?: boolean;
  /** On the node under test. Default 9. */
  readonly pods?: number;
}

/**
 * A random model of which one node's kernel enforces every bit: pods of other nodes are allowed everything there, by a tier
 * before all others, so that what becomes of a packet is decided here.
 */
export function provable(seed: number, { hosts = false, pods = 9 }: ProvableOptions = {}): PolicyModel {
  const model = randomPolicies(seed, { local: pods, remote: 3, policies: 12, hosts });
  const endpoints = model.endpoints.flatMap((endpoint) => {
    if (endpoint.kind === "host") return [];
    return [endpoint.node === NODE ? endpoint : { ...endpoint, labels: { ...endpoint.labels, [ELSEWHERE]: "yes" } }];
  });
  const { settings } = model;
  return {
    ...model,
    settings: {
      ...settings,
      failsafeInbound: [...settings.failsafeInbound, { protocol: Protocol.ipip, port: undefined, network: undefined }],
    },
    tiers: [...model.tiers, { name: "elsewhere", order: -1, defaultAction: "deny" }],
    policies: [...model.policies, ALLOWED_ELSEWHERE],
    endpoints: [...endpoints, ...hostOf(model, seed)],
    nodes: [{ node: NODE, name: UPLINK, addresses: NODE_ADDRESSES }],
  };
}

const ELSEWHERE = "elsewhere";

const ALLOW: Rule = {
  action: "allow",
  ipVersion: undefined,
  protocol: undefined,
  notProtocol: undefined,
  icmp: undefined,
  notIcmp: undefined,
  source: NO_END,
  destination: NO_END,
  field: "spec.ingress[0]",
  broken: undefined,
};

export const ELSEWHERE_POLICY = policyId("GlobalNetworkPolicy", undefined, "elsewhere");

const ALLOWED_ELSEWHERE: Policy = {
  id: ELSEWHERE_POLICY,
  resource: { kind: "GlobalNetworkPolicy", name: "elsewhere" },
  namespace: undefined,
  tier: "elsewhere",
  order: 1,
  selector: compileSelector(`has(${ELSEWHERE})`),
  directions: ["ingress", "egress"],
  ingress: [ALLOW],
  egress: [{ ...ALLOW, field: "spec.egress[0]" }],
  untracked: false,
  preDnat: false,
  applyOnForward: false,
  staged: undefined,
  neededEverywhere: false,
};

/** One at most: told by its interface, as that of all, or by the node's address. */
function hostOf({ endpoints }: PolicyModel, seed: number): readonly Host[] {
  const host = endpoints.find((endpoint): endpoint is Host => endpoint.kind === "host");
  if (host === undefined) return [];
  const interfaceName = [UPLINK, "*", ""][seed % 3] ?? UPLINK;
  return [{ ...host, interfaceName, addresses: NODE_ADDRESSES }];
}
