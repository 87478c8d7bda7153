import type { Family } from "@ocicat/net";
import { defineKind } from "../define-kind.ts";
import type { Problem } from "../problem.ts";
import type { Resource } from "../resource.ts";
import {
  asNumber,
  choice,
  type Infer,
  integer,
  list,
  networkOrAddress,
  object,
  optional,
  required,
} from "../schema/index.ts";
import { community, interfacePattern, routePriority } from "./bgp-values.ts";

const communities = object({ values: required(list(community())) }, { values: "The community; one." });

const operation = object(
  {
    addCommunity: optional(object({ value: required(community()) }, { value: "The community." })),
    prependASPath: optional(
      object({ prefix: required(list(asNumber())) }, { prefix: "AS numbers, the nearest first." }),
    ),
    setPriority: optional(object({ value: required(routePriority()) }, { value: "The metric." })),
  },
  {
    addCommunity: "Put a community on the route.",
    prependASPath: "Make the route's AS path longer at its beginning.",
    setPriority: "Give the route this metric.",
  },
);

const prefixLength = (family: Family) =>
  object(
    {
      min: optional(integer(0, family === 4 ? 32 : 128)),
      max: optional(integer(0, family === 4 ? 32 : 128)),
    },
    { min: "The shortest; that of the cidr unless told.", max: "The longest; that of one address unless told." },
  );

const filterRule = (family: Family) =>
  object(
    {
      cidr: optional(networkOrAddress(family), ""),
      prefixLength: optional(prefixLength(family)),
      source: optional(choice("RemotePeers")),
      interface: optional(interfacePattern(), ""),
      matchOperator: optional(choice("Equal", "NotEqual", "In", "NotIn")),
      peerType: optional(choice("eBGP", "iBGP")),
      communities: optional(communities),
      asPathPrefix: optional(list(asNumber()), []),
      priority: optional(routePriority()),
      action: required(choice("Accept", "Reject")),
      operations: optional(list(operation), []),
    },
    {
      cidr: "Routes whose destination is this range, in it, or not, as matchOperator says.",
      prefixLength: "Of those, routes with a prefix of such a length.",
      source: "Routes that were learned from peers, not those of the node itself.",
      interface: "Routes over this interface, by name or with '*'.",
      matchOperator: "How the destination is held against cidr.",
      peerType: "With peers of another AS (eBGP), or of the same (iBGP).",
      communities: "Routes that carry a community.",
      asPathPrefix: "Routes whose AS path begins with these AS numbers.",
      priority: "Routes of this metric.",
      action: "What becomes of a route to which all of this applies. Further rules are not looked at.",
      operations: "What is changed in a route that is accepted, in this order.",
    },
  );

const rules = { 4: list(filterRule(4)), 6: list(filterRule(6)) };

const spec = object(
  {
    exportV4: optional(rules[4], []),
    importV4: optional(rules[4], []),
    exportV6: optional(rules[6], []),
    importV6: optional(rules[6], []),
  },
  {
    exportV4: "Rules for IPv4 routes that are told to a peer; the first that applies decides.",
    importV4: "Rules for IPv4 routes that a peer tells; the first that applies decides.",
    exportV6: "Rules for IPv6 routes that are told to a peer; the first that applies decides.",
    importV6: "Rules for IPv6 routes that a peer tells; the first that applies decides.",
  },
);

export interface BGPFilterSpec extends Infer<typeof spec> {}
/** Which routes go to a BGP peer and come from it; a BGPPeer names the filters that hold for it. */
export type BGPFilter = Resource<BGPFilterSpec, unknown, "BGPFilter">;

export const bgpFilter = defineKind<BGPFilter>({
  kind: "BGPFilter",
  description: "Which routes go to BGP peers and come from them. A BGPPeer names the filters that hold for it.",
  plural: "bgpfilters",
  aliases: ["bgpf", "bgpfs", "bf", "bfs"],
  namespaced: false,
  spec,
  rules: {
    "cidr and matchOperator are set together, and prefixLength with them, its min not above its max.": checkMatch,
    "One community is matched.": checkCommunity,
    "An operation says one thing; there are at most 10, and only with action Accept.": checkOperations,
  },
  example: {
    name: "only-pods",
    spec: {
      exportV4: [{ action: "Accept", matchOperator: "In", cidr: "10.244.0.0/16" }, { action: "Reject" }],
    },
  },
  columns: [
    { heading: "NAME", cell: ({ metadata }) => metadata.name },
    { heading: "NUMEXPORTV4", cell: ({ spec }) => String(spec.exportV4?.length ?? 0) },
    { heading: "NUMIMPORTV4", cell: ({ spec }) => String(spec.importV4?.length ?? 0) },
    { heading: "NUMEXPORTV6", cell: ({ spec }) => String(spec.exportV6?.length ?? 0) },
    { heading: "NUMIMPORTV6", cell: ({ spec }) => String(spec.importV6?.length ?? 0) },
  ],
});

type FilterRule = Infer<ReturnType<typeof filterRule>>;

/** Every rule with its place. */
function* rulesOf({ spec }: BGPFilter): Iterable<readonly [field: string, rule: FilterRule]> {
  for (const name of ["exportV4", "importV4", "exportV6", "importV6"] as const) {
    for (const [index, rule] of (spec[name] ?? []).entries()) yield [`spec.${name}[${index}]`, rule];
  }
}

function* checkMatch(filter: BGPFilter): Iterable<Problem> {
  for (const [field, { cidr, matchOperator, prefixLength }] of rulesOf(filter)) {
    if (cidr !== undefined && matchOperator === undefined) {
      yield { field: `${field}.matchOperator`, value: undefined, rule: "required", message: "is needed with cidr" };
    }
    if (cidr === undefined && matchOperator !== undefined) {
      yield { field: `${field}.cidr`, value: undefined, rule: "required", message: "is needed with matchOperator" };
    }
    if (cidr === undefined && prefixLength !== undefined) {
      yield { field: `${field}.cidr`, value: undefined, rule: "required", message: "is needed with prefixLength" };
    }
    const { min, max } = prefixLength ?? {};
    if (min !== undefined && max !== undefined && min > max) {
      const message = `is less than its min, ${min}`;
      yield { field: `${field}.prefixLength.max`, value: max, rule: "range", message };
    }
  }
}

function* checkCommunity(filter: BGPFilter): Iterable<Problem> {
  for (const [field, { communities }] of rulesOf(filter)) {
    if (communities === undefined || communities.values.length === 1) continue;
    const message = "is not a list of one community";
    yield { field: `${field}.communities.values`, value: communities.values, rule: "one-community", message };
  }
}

const MOST_OPERATIONS = 10;

function* checkOperations(filter: BGPFilter): Iterable<Problem> {
  for (const [at, { operations = [], action }] of rulesOf(filter)) {
    const field = `${at}.operations`;
    if (operations.length > 0 && action !== "Accept") {
      const message = "is for routes that are accepted; the action is Reject";
      yield { field, value: operations, rule: "operations", message };
    }
    if (operations.length > MOST_OPERATIONS) {
      yield { field, value: operations, rule: "operations", message: `has more than ${MOST_OPERATIONS} operations` };
    }
    for (const [index, operation] of operations.entries()) {
      if (Object.keys(operation).length === 1) continue;
      const message = "is not exactly one of addCommunity, prependASPath, setPriority";
      yield { field: `${field}[${index}]`, value: operation, rule: "one-operation", message };
    }
  }
}
