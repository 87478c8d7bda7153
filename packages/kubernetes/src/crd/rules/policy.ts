import { MAX_RULES } from "@ocicat/api";
import { has, none, type SaidRules, some } from "../validations.ts";

/** What a rule of a policy costs counts a thousand times; what looks at each network, port or selector of it cannot be afforded. */
const TOO_COSTLY =
  "each network and selector of each rule would be looked at, which costs more than an API server grants";

const OTHERS = "it looks at other resources, and the API server shows a rule one";

const INGRESS = "spec.ingress[]";
const EGRESS = "spec.egress[]";
const EACH = [INGRESS, EGRESS];

/** By name, as written in either of its usual cases, or by number. */
function isProtocol(field: string, ...names: readonly string[]): string {
  const ways = names.flatMap((name) => [`'${name}'`, `'${name.toLowerCase()}'`, NUMBERS[name] ?? ""]);
  return `(${ways.map((way) => `${field} == ${way}`).join(" || ")})`;
}

const NUMBERS: Readonly<Record<string, string>> = { TCP: "6", UDP: "17", SCTP: "132", ICMP: "1", ICMPv6: "58" };

const anyPorts = ["source", "destination"]
  .flatMap((end) => ["ports", "notPorts"].map((name) => `(${some(`self.${end}.${name}`)})`))
  .join(" || ");

const ofIcmp = `(has(self.protocol) && ${isProtocol("self.protocol", "ICMP", "ICMPv6")})`;

/** A match of either kind of ICMP, in the protocol or in what is excluded. */
const names = (name: string) =>
  `((has(self.protocol) && ${isProtocol("self.protocol", name)}) || (has(self.notProtocol) && ${isProtocol("self.notProtocol", name)}))`;

function besideServices(end: "source" | "destination"): string {
  const at = `self.${end}`;
  const lists = ["nets", "notNets", ...(end === "destination" ? ["ports", "notPorts"] : [])];
  const others = ["selector", "notSelector", "namespaceSelector", "serviceAccounts"].map(
    (name) => `!(${has(`${at}.${name}`)})`,
  );
  const empty = lists.map((name) => `!(${some(`${at}.${name}`)})`);
  return `!(${has(`${at}.services`)}) || (${[...others, ...empty].join(" && ")})`;
}

const RULES_OF_RULES: SaidRules = {
  [`There are at most ${MAX_RULES} rules in each direction.`]: {
    at: ["spec.ingress", "spec.egress"],
    schema: { maxItems: MAX_RULES },
  },
  "A rule that matches ports has protocol TCP, UDP or SCTP.": {
    at: EACH,
    cel: `!(${anyPorts}) || (has(self.protocol) && ${isProtocol("self.protocol", "TCP", "UDP", "SCTP")})`,
  },
  "A rule that matches ICMP has protocol ICMP or ICMPv6, and a code only with a type.": {
    at: EACH,
    cel: `(!has(self.icmp) || ${ofIcmp}) && (!(${has("self.icmp.code")}) || has(self.icmp.type)) && (!(${has("self.notICMP.code")}) || has(self.notICMP.type))`,
  },
  "ICMP goes with ipVersion 4, ICMPv6 with 6.": {
    at: EACH,
    cel: `!has(self.ipVersion) || ((self.ipVersion == 4 || !${names("ICMP")}) && (self.ipVersion == 6 || !${names("ICMPv6")}))`,
  },
  "A network of a rule has no bits beyond its length.": { unsaid: TOO_COSTLY },
  "The networks of a rule are of one version of IP, its ipVersion's if it has one.": { unsaid: TOO_COSTLY },
  "global() is for namespaceSelector, and stands alone there.": { unsaid: TOO_COSTLY },
  "Beside services there are no selectors, networks or service accounts, and in a destination no ports.": [
    { at: EACH, cel: besideServices("source") },
    { at: EACH, cel: besideServices("destination") },
  ],
  "HTTP is matched by rules that allow, of protocol TCP or none, by paths that begin with '/'.": [
    {
      at: EACH,
      cel: `!has(self.http) || (self.action == 'Allow' && (!has(self.protocol) || ${isProtocol("self.protocol", "TCP")}))`,
    },
    { at: EACH.map((rule) => `${rule}.http.paths[]`), schema: { minProperties: 1, maxProperties: 1 } },
    {
      at: EACH.flatMap((rule) => [`${rule}.http.paths[].exact`, `${rule}.http.paths[].prefix`]),
      schema: { pattern: "^/[^? #]*$" },
    },
  ],
  "Annotations of a rule have keys as labels have.": { unsaid: "a definition cannot say what the keys of a map are" },
};

const RULES_OF_POLICY_RULES: SaidRules = {
  ...RULES_OF_RULES,
  "Services are matched as the source of ingress and as the destination of egress.": [
    { at: [INGRESS], cel: none("self.destination.services") },
    { at: [EGRESS], cel: none("self.source.services") },
  ],
  "HTTP is matched by ingress rules.": { at: [EGRESS], cel: "!has(self.http)" },
};

const noGlobal = (field: string) => `(!has(self.${field}) || !self.${field}.contains('global()'))`;

const tiered = (...selectors: readonly string[]): SaidRules => ({
  "The tier exists.": { unsaid: OTHERS },
  "global() is not for choosing endpoints.": { at: ["spec"], cel: selectors.map(noGlobal).join(" && ") },
});

const isTrue = (field: string) => `(has(self.${field}) && self.${field})`;

const GLOBAL: SaidRules = {
  "doNotTrack and preDNAT exclude each other, and need applyOnForward.": {
    at: ["spec"],
    cel: `!(${isTrue("doNotTrack")} && ${isTrue("preDNAT")}) && (!(${isTrue("doNotTrack")} || ${isTrue("preDNAT")}) || ${isTrue("applyOnForward")})`,
  },
  "A preDNAT policy is for ingress only.": {
    at: ["spec"],
    cel: `!${isTrue("preDNAT")} || (!(${some("self.egress")}) && (!has(self.types) || !('Egress' in self.types)))`,
  },
  "A service is named with its namespace.": [
    { at: [INGRESS], cel: `!(${has("self.source.services")}) || has(self.source.services.namespace)` },
    { at: [EGRESS], cel: `!(${has("self.destination.services")}) || has(self.destination.services.namespace)` },
  ],
};

const staged = (lists: readonly string[], others: readonly string[]): SaidRules => ({
  "With stagedAction Delete nothing is given but the tier.": {
    at: ["spec"],
    cel: `!has(self.stagedAction) || self.stagedAction != 'Delete' || (${[
      ...others.map((name) => `!has(self.${name})`),
      ...lists.map((name) => `!(${some(`self.${name}`)})`),
    ].join(" && ")})`,
  },
});

const LISTS = ["ingress", "egress", "performanceHints"];
const OWN = ["order", "selector", "serviceAccountSelector"];
const OF_GLOBAL = ["doNotTrack", "preDNAT", "applyOnForward", "namespaceSelector"];

const KUBERNETES_PEERS = ["spec.ingress[].from[]", "spec.egress[].to[]"];

/** What policies' rules can be said to an API server, by kind. */
export const policyRules: Readonly<Record<string, SaidRules>> = {
  NetworkPolicy: {
    "What is made of a Kubernetes NetworkPolicy, by its name knp.default.…, is changed there.": {
      at: [""],
      cel: "!self.metadata.name.startsWith('knp.default.')",
    },
    ...tiered("selector", "serviceAccountSelector"),
    ...RULES_OF_POLICY_RULES,
  },
  GlobalNetworkPolicy: {
    ...tiered("selector", "serviceAccountSelector", "namespaceSelector"),
    ...GLOBAL,
    ...RULES_OF_POLICY_RULES,
  },
  StagedNetworkPolicy: {
    ...staged(LISTS, OWN),
    ...tiered("selector", "serviceAccountSelector"),
    ...RULES_OF_POLICY_RULES,
  },
  StagedGlobalNetworkPolicy: {
    ...staged(LISTS, [...OWN, ...OF_GLOBAL]),
    ...tiered("selector", "serviceAccountSelector", "namespaceSelector"),
    ...GLOBAL,
    ...RULES_OF_POLICY_RULES,
  },
  StagedKubernetesNetworkPolicy: {
    "With stagedAction Delete nothing is given but the tier.": {
      at: ["spec"],
      cel: `!has(self.stagedAction) || self.stagedAction != 'Delete' || (!(${some("self.podSelector.matchLabels")}) && !(${some("self.podSelector.matchExpressions")}) && !(${some("self.ingress")}) && !(${some("self.egress")}) && !(${some("self.policyTypes")}))`,
    },
    "A condition on a label has values with In and NotIn, and none else.": {
      at: ["spec.podSelector.matchExpressions[]"],
      cel: `(self.operator in ['In', 'NotIn']) == (${some("self.values")})`,
    },
    "A peer is pods, or a network.": {
      at: KUBERNETES_PEERS,
      schema: {
        oneOf: [
          { required: ["ipBlock"] },
          { anyOf: [{ required: ["podSelector"] }, { required: ["namespaceSelector"] }] },
        ],
      },
    },
    "A range of ports begins with a number, and does not end before it.": { unsaid: TOO_COSTLY },
  },
};
