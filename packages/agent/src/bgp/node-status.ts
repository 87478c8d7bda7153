import type { CalicoNodeStatus, CalicoNodeStatusStatus } from "@ocicat/api";
import type { BgpRunner } from "./runner.ts";

type Class = CalicoNodeStatus["spec"]["classes"][number];
type Session = ReturnType<BgpRunner["report"]>[number];
type Route = NonNullable<CalicoNodeStatusStatus["routes"]["routesV4"]>[number];

/** What a node reports of itself where a CalicoNodeStatus asks. */
export interface NodeState {
  readonly version: string;
  /** Undefined: BGP does not run here. */
  readonly routerId: string | undefined;
  /** Milliseconds since 1970. */
  readonly bootedAt: number;
  readonly configuredAt: number;
  readonly sessions: readonly Session[];
  readonly routes: () => Iterable<NodeRoute>;
}

/** A route of the node's. */
export interface NodeRoute {
  /** FIB: packets go by it; RIB: it is known only. */
  readonly type: "FIB" | "RIB";
  readonly destination: string;
  readonly gateway: string | undefined;
  readonly interface: string | undefined;
  readonly source: "Kernel" | "Static" | "Direct" | "NodeMesh" | "BGPPeer";
  readonly peer: string | undefined;
}

/** The classes that were asked for; of the others nothing is said. */
export function nodeStatus(classes: readonly Class[], state: NodeState, now: number): CalicoNodeStatusStatus {
  return {
    lastUpdated: new Date(now).toISOString().replace(/\.\d+Z$/, "Z"),
    agent: classes.includes("Agent") ? agentOf(state) : { birdV4: {}, birdV6: {} },
    bgp: classes.includes("BGP") ? sessionsOf(state.sessions) : NO_SESSIONS,
    routes: classes.includes("Routes") ? routesOf(state.routes()) : {},
  };
}

const NO_SESSIONS = {
  numberEstablishedV4: 0,
  numberNotEstablishedV4: 0,
  numberEstablishedV6: 0,
  numberNotEstablishedV6: 0,
};

/** Calico has a daemon for each family; here one speaker is both. */
function agentOf({ version, routerId, bootedAt, configuredAt }: NodeState): CalicoNodeStatusStatus["agent"] {
  const daemon =
    routerId === undefined
      ? ({ state: "NotReady", version } as const)
      : ({
          state: "Ready",
          version,
          routerID: routerId,
          lastBootTime: asBirdTells(bootedAt),
          lastReconfigurationTime: asBirdTells(configuredAt),
        } as const);
  return { birdV4: daemon, birdV6: daemon };
}

function asBirdTells(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace("T", " ");
}

const TYPES = {
  "node-to-node mesh": "NodeMesh",
  global: "GlobalPeer",
  "node specific": "NodePeer",
  "local workload": "NodePeer",
} as const;

const STATES = ["Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established", "Close"] as const;

function sessionsOf(sessions: readonly Session[]): CalicoNodeStatusStatus["bgp"] {
  const [v4, v6] = [false, true].map((isSix) => sessions.filter(({ address }) => address.includes(":") === isSix));
  const up = (list: readonly Session[] = []) => list.filter(({ state }) => state === "Established").length;
  const peers = (list: readonly Session[] = []) =>
    list.map(({ address, type, state, since }) => ({
      peerIP: address,
      type: TYPES[type],
      state: STATES.find((known) => known === state) ?? ("Idle" as const),
      since: asBirdTells(Date.parse(since)),
    }));
  return {
    numberEstablishedV4: up(v4),
    numberNotEstablishedV4: (v4?.length ?? 0) - up(v4),
    numberEstablishedV6: up(v6),
    numberNotEstablishedV6: (v6?.length ?? 0) - up(v6),
    ...(v4?.length === 0 ? {} : { peersV4: peers(v4) }),
    ...(v6?.length === 0 ? {} : { peersV6: peers(v6) }),
  };
}

function routesOf(routes: Iterable<NodeRoute>): CalicoNodeStatusStatus["routes"] {
  const told = [...routes].map(
    ({ type, destination, gateway, interface: device, source, peer }): Route => ({
      type,
      destination,
      ...(gateway === undefined ? {} : { gateway }),
      ...(device === undefined ? {} : { interface: device }),
      learnedFrom: { sourceType: source, ...(peer === undefined ? {} : { peerIP: peer }) },
    }),
  );
  const isSix = ({ destination = "" }: Route) => destination.includes(":");
  return { routesV4: told.filter((route) => !isSix(route)), routesV6: told.filter(isSix) };
}
