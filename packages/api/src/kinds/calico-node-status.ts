import { defineKind } from "../define-kind.ts";
import type { Problem } from "../problem.ts";
import type { Resource } from "../resource.ts";
import {
  always,
  choice,
  defaulted,
  type Infer,
  integer,
  list,
  nodeName,
  object,
  optional,
  required,
  type ScalarSchema,
  scalar,
  text,
  timestamp,
} from "../schema/index.ts";

const spec = object(
  {
    node: required(nodeName()),
    classes: required(list(choice("Agent", "BGP", "Routes"), { unique: true })),
    updatePeriodSeconds: required(integer(0, 86_400)),
  },
  {
    node: "The node that reports.",
    classes: "What it reports: its agent, its BGP sessions, its routes.",
    updatePeriodSeconds: "How often it reports, in seconds, at most a day; 0 is never.",
  },
);

/** Null until there was one. */
const timeOrNull: ScalarSchema<string | null> = scalar<string | null>(
  timestamp().expects,
  (value) => timestamp().check(value),
  { type: ["null", "string"] },
);

const daemon = always(
  object(
    {
      state: optional(choice("Ready", "NotReady")),
      version: optional(text(), ""),
      routerID: optional(text(), ""),
      lastBootTime: optional(text(), ""),
      lastReconfigurationTime: optional(text(), ""),
    },
    {
      state: "Whether it is ready.",
      version: "Its version.",
      routerID: "Its BGP identifier.",
      lastBootTime: "When it started.",
      lastReconfigurationTime: "When its configuration last changed.",
    },
  ),
);

const peer = object(
  {
    peerIP: optional(text(), ""),
    type: optional(choice("NodeMesh", "NodePeer", "GlobalPeer")),
    state: optional(choice("Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established", "Close")),
    since: optional(text(), ""),
  },
  {
    peerIP: "The peer's address.",
    type: "Whether it is of the mesh, of a BGPPeer for this node, or of one for all nodes.",
    state: "The session's state (RFC 4271 §8.2.2).",
    since: "Since when it is in this state.",
  },
);

const sessions = object(
  {
    numberEstablishedV4: defaulted(integer(0), 0),
    numberNotEstablishedV4: defaulted(integer(0), 0),
    numberEstablishedV6: defaulted(integer(0), 0),
    numberNotEstablishedV6: defaulted(integer(0), 0),
    peersV4: optional(list(peer), []),
    peersV6: optional(list(peer), []),
  },
  {
    numberEstablishedV4: "How many IPv4 sessions are established.",
    numberNotEstablishedV4: "How many IPv4 sessions are not.",
    numberEstablishedV6: "How many IPv6 sessions are established.",
    numberNotEstablishedV6: "How many IPv6 sessions are not.",
    peersV4: "The IPv4 sessions.",
    peersV6: "The IPv6 sessions.",
  },
);

const learnedFrom = object(
  {
    sourceType: optional(choice("Kernel", "Static", "Direct", "NodeMesh", "BGPPeer")),
    peerIP: optional(text(), ""),
  },
  { sourceType: "Who told of it.", peerIP: "The peer's address, if a peer did." },
);

const route = object(
  {
    type: optional(choice("FIB", "RIB")),
    destination: optional(text(), ""),
    gateway: optional(text(), ""),
    interface: optional(text(), ""),
    learnedFrom: always(learnedFrom),
  },
  {
    type: "Whether packets go by it (FIB), or it is known only (RIB).",
    destination: "Where it leads, as address/length.",
    gateway: "The next hop.",
    interface: "The interface that it goes out of.",
    learnedFrom: "Where it comes from.",
  },
);

const status = object(
  {
    lastUpdated: defaulted(timeOrNull, null),
    agent: always(
      object(
        { birdV4: daemon, birdV6: daemon },
        { birdV4: "The BGP speaker for IPv4.", birdV6: "The BGP speaker for IPv6." },
      ),
    ),
    bgp: always(sessions),
    routes: always(
      object(
        { routesV4: optional(list(route), []), routesV6: optional(list(route), []) },
        { routesV4: "The IPv4 routes.", routesV6: "The IPv6 routes." },
      ),
    ),
  },
  {
    lastUpdated: "When the node last reported; null if it never did.",
    agent: "The state of the agent's BGP speakers.",
    bgp: "The state of BGP sessions.",
    routes: "The routes that the BGP speaker knows.",
  },
);

export interface CalicoNodeStatusSpec extends Infer<typeof spec> {}
export interface CalicoNodeStatusStatus extends Infer<typeof status> {}
/** A request that a node report its state into the datastore, and the report. */
export type CalicoNodeStatus = Resource<CalicoNodeStatusSpec, CalicoNodeStatusStatus, "CalicoNodeStatus">;

export const calicoNodeStatus = defineKind<CalicoNodeStatus>({
  kind: "CalicoNodeStatus",
  description: "A request that a node report its state into the datastore, and the report.",
  plural: "caliconodestatuses",
  aliases: ["nodestatus", "nodestatuses"],
  namespaced: false,
  spec,
  status,
  storesEmptyStatus: true,
  rules: { "classes is not empty.": checkClasses },
  example: { name: "node1", spec: { node: "node1", classes: ["Agent", "BGP", "Routes"], updatePeriodSeconds: 10 } },
  columns: [
    { heading: "NAME", cell: ({ metadata }) => metadata.name },
    { heading: "NODE", cell: ({ spec }) => spec.node },
  ],
  wide: [
    { heading: "NAME", cell: ({ metadata }) => metadata.name },
    { heading: "NODE", cell: ({ spec }) => spec.node },
    { heading: "CLASSES", cell: ({ spec }) => spec.classes.join(",") },
  ],
});

function* checkClasses({ spec }: CalicoNodeStatus): Iterable<Problem> {
  if (spec.classes.length > 0) return;
  yield { field: "spec.classes", value: spec.classes, rule: "required", message: "is empty: name what to report" };
}
