import { type Definition, defineResource, resourceSchema } from "./definition.ts";
import type { OpenApi } from "./structural.ts";

/**
 * ClusterNetworkPolicy, policy.networking.k8s.io/v1alpha2 (network-policy-api v0.2.0, with its experimental fields): the
 * schema is that project's, so that what is written for other networks is taken here too. We read it and never write it.
 */
const MOST = 25;

function object(properties: Readonly<Record<string, OpenApi>>, more: OpenApi = {}): OpenApi {
  return { type: "object", properties, ...more };
}

const described = (description: string, schema: OpenApi): OpenApi => ({ description, ...schema });
const listOf = (items: OpenApi, more: OpenApi = {}): OpenApi => ({ type: "array", items, ...more });
const ONE = { minProperties: 1, maxProperties: 1 };
const FROM_ONE = { minItems: 1, maxItems: MOST };

const selector = (description: string): OpenApi =>
  object(
    {
      matchLabels: described("Labels with exactly these values.", {
        type: "object",
        additionalProperties: { type: "string" },
      }),
      matchExpressions: described(
        "Further conditions.",
        listOf(
          object(
            { key: { type: "string" }, operator: { type: "string" }, values: listOf({ type: "string" }, ATOMIC) },
            { required: ["key", "operator"] },
          ),
          ATOMIC,
        ),
      ),
    },
    { description, "x-kubernetes-map-type": "atomic" },
  );

const ATOMIC = { "x-kubernetes-list-type": "atomic" };

const pods = object(
  {
    namespaceSelector: selector("In namespaces with these labels; in all unless told."),
    podSelector: selector("Pods with these labels."),
  },
  { required: ["podSelector"], description: "Pods by their own labels and their namespaces'." },
);

const namespaces = selector("All pods of namespaces with these labels.");

const port: OpenApi = { type: "integer", format: "int32", minimum: 1, maximum: 65_535 };

const ports = (name: string): OpenApi =>
  object(
    {
      destinationPort: object(
        {
          number: described("One port.", port),
          range: object(
            { start: described("The first.", port), end: described("The last.", port) },
            {
              description: "A range of ports.",
              required: ["start", "end"],
              "x-kubernetes-validations": [{ rule: "self.start < self.end", message: "start is not less than end" }],
            },
          ),
        },
        { ...ONE, description: "One port, or a range of them." },
      ),
    },
    { minProperties: 1, description: `${name} to these ports.` },
  );

const protocol = object(
  {
    tcp: ports("TCP"),
    udp: ports("UDP"),
    sctp: ports("SCTP"),
    destinationNamedPort: described("The port that the pods give this name.", { type: "string" }),
  },
  ONE,
);

const ingressPeer = { namespaces, pods };

const egressPeer = {
  ...ingressPeer,
  networks: described(
    "Addresses of these networks.",
    listOf(
      {
        type: "string",
        maxLength: 43,
        "x-kubernetes-validations": [{ rule: "isCIDR(self)", message: "is not a network such as 10.0.0.0/8" }],
      },
      { ...FROM_ONE, "x-kubernetes-list-type": "set" },
    ),
  ),
  nodes: selector("Nodes with these labels."),
  domainNames: described(
    "What these names resolve to; '*.' in front means any name below. For rules that accept.",
    listOf(
      {
        type: "string",
        pattern: "^(\\*\\.)?([a-zA-Z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?\\.)+[a-zA-Z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?\\.?$",
      },
      { ...FROM_ONE, "x-kubernetes-list-type": "set" },
    ),
  ),
};

function rules(side: "from" | "to", peer: Readonly<Record<string, OpenApi>>, more: OpenApi = {}): OpenApi {
  const rule = object(
    {
      name: described("For people.", { type: "string", maxLength: 100 }),
      action: described("Accept and Deny decide; Pass hands over to the next tier.", {
        type: "string",
        enum: ["Accept", "Deny", "Pass"],
      }),
      [side]: described("One of these peers.", listOf(object(peer, ONE), FROM_ONE)),
      protocols: described("One of these protocols and ports; any unless told.", listOf(protocol, FROM_ONE)),
    },
    { required: ["action", side], ...more },
  );
  return listOf(rule, { maxItems: MOST });
}

const NAMES_ONLY_ACCEPT = {
  "x-kubernetes-validations": [
    {
      rule: "!(self.to.exists(peer, has(peer.networks) || has(peer.nodes) || has(peer.domainNames)) && has(self.protocols) && self.protocols.exists(protocol, has(protocol.destinationNamedPort)))",
      message: "a named port cannot be matched at networks, nodes or domain names, which name none",
    },
    {
      rule: "self.action == 'Accept' || !self.to.exists(peer, has(peer.domainNames))",
      message: "domain names are for rules that accept",
    },
  ],
};

const spec = object(
  {
    tier: described("Admin comes before all other policies, Baseline after them.", {
      type: "string",
      enum: ["Admin", "Baseline"],
    }),
    priority: described("Among the policies of the tier, the lower comes first.", {
      type: "integer",
      format: "int32",
      minimum: 0,
      maximum: 1000,
    }),
    subject: object({ namespaces, pods }, { ...ONE, description: "Which pods it applies to." }),
    ingress: described("Rules for what comes in, the first that matches counts.", rules("from", ingressPeer)),
    egress: described(
      "Rules for what goes out, the first that matches counts.",
      rules("to", egressPeer, NAMES_ONLY_ACCEPT),
    ),
  },
  { required: ["tier", "priority", "subject"], description: "Which traffic is accepted, denied or passed on." },
);

const condition = object(
  {
    type: { type: "string", maxLength: 316 },
    status: { type: "string", enum: ["True", "False", "Unknown"] },
    observedGeneration: { type: "integer", format: "int64", minimum: 0 },
    lastTransitionTime: { type: "string", format: "date-time" },
    reason: { type: "string", minLength: 1, maxLength: 1024 },
    message: { type: "string", maxLength: 32_768 },
  },
  { required: ["type", "status", "lastTransitionTime", "reason", "message"] },
);

export const clusterNetworkPolicy: Definition = defineResource({
  group: "policy.networking.k8s.io",
  version: "v1alpha2",
  kind: "ClusterNetworkPolicy",
  plural: "clusternetworkpolicies",
  shortNames: ["cnp"],
  namespaced: false,
  columns: [
    { name: "Tier", type: "string", jsonPath: ".spec.tier" },
    { name: "Priority", type: "string", jsonPath: ".spec.priority" },
  ],
  hasStatus: true,
  annotations: {
    // Groups below k8s.io are taken only with the review that approved them.
    "api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/network-policy-api/pull/347",
    "policy.networking.k8s.io/bundle-version": "v0.2.0",
    "policy.networking.k8s.io/channel": "experimental",
  },
  schema: resourceSchema(
    "Policy for the whole cluster, before or after those of namespaces.",
    {
      spec,
      status: object(
        {
          conditions: listOf(condition, { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"] }),
        },
        { required: ["conditions"], description: "What implementations report." },
      ),
    },
    ["metadata", "spec"],
  ),
});
