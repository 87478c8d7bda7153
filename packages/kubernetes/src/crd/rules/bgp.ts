import { has, none, type SaidRules, some } from "../validations.ts";

const FOR_ALL = [
  "nodeToNodeMeshEnabled",
  "asNumber",
  "serviceLoadBalancerIPs",
  "serviceExternalIPs",
  "serviceClusterIPs",
  "nodeMeshPassword",
  "nodeMeshMaxRestartTime",
];

const MESH = ["nodeMeshPassword", "nodeMeshMaxRestartTime"];

const FILTER_RULES = ["spec.exportV4[]", "spec.importV4[]", "spec.exportV6[]", "spec.importV6[]"];

const notBoth = (a: string, b: string) => `!(has(self.${a}) && has(self.${b}))`;

/** What a peer's address is of: with a port it stands in brackets. */
const peerIsSix = "(self.peerIP.startsWith('[') || self.peerIP.matches('^[^:]*:[^:]*:'))";

export const bgpRules: Readonly<Record<string, SaidRules>> = {
  BGPConfiguration: {
    'What the nodes must agree on (the mesh, asNumber, ranges of services) is set in "default" only.': {
      at: [""],
      cel: `self.metadata.name == 'default' || !has(self.spec) || (${none(...FOR_ALL.map((name) => `self.spec.${name}`))})`,
    },
    "A password or a restart time of the mesh needs the mesh.": {
      at: ["spec"],
      cel: `!has(self.nodeToNodeMeshEnabled) || self.nodeToNodeMeshEnabled || (${none(...MESH.map((name) => `self.${name}`))})`,
    },
    "A community is aa:nn, aa:nn:mm, or a name that spec.communities explains.": {
      at: ["spec.communities[].value"],
      schema: { pattern: "^[0-9]+:[0-9]+(:[0-9]+)?$" },
    },
  },
  BGPPeer: {
    "node and nodeSelector exclude each other.": { at: ["spec"], cel: notBoth("node", "nodeSelector") },
    "peerSelector excludes peerIP and asNumber.": {
      at: ["spec"],
      cel: `${notBoth("peerSelector", "peerIP")} && ${notBoth("peerSelector", "asNumber")}`,
    },
    "localWorkloadSelector excludes peerIP and peerSelector, and needs asNumber.": {
      at: ["spec"],
      cel: `!has(self.localWorkloadSelector) || (${none("self.peerIP", "self.peerSelector")} && has(self.asNumber))`,
    },
    "keepOriginalNextHop and nextHopMode exclude each other.": {
      at: ["spec"],
      cel: "!(has(self.keepOriginalNextHop) && self.keepOriginalNextHop && has(self.nextHopMode))",
    },
    "reachableBy needs peerIP, of the same family.": {
      at: ["spec"],
      cel: `!has(self.reachableBy) || (has(self.peerIP) && ${peerIsSix} == self.reachableBy.contains(':'))`,
    },
  },
  BGPFilter: {
    "cidr and matchOperator are set together, and prefixLength with them, its min not above its max.": {
      at: FILTER_RULES,
      cel: `has(self.cidr) == has(self.matchOperator) && (!has(self.prefixLength) || has(self.cidr)) && (!(${has("self.prefixLength.min")}) || !has(self.prefixLength.max) || self.prefixLength.min <= self.prefixLength.max)`,
    },
    "One community is matched.": {
      at: FILTER_RULES.map((rule) => `${rule}.communities.values`),
      schema: { minItems: 1, maxItems: 1 },
    },
    "An operation says one thing; there are at most 10, and only with action Accept.": [
      { at: FILTER_RULES, cel: `!(${some("self.operations")}) || self.action == 'Accept'` },
      { at: FILTER_RULES.map((rule) => `${rule}.operations`), schema: { maxItems: 10 } },
      { at: FILTER_RULES.map((rule) => `${rule}.operations[]`), schema: { minProperties: 1, maxProperties: 1 } },
    ],
  },
};
