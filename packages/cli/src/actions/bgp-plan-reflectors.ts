import {
  API_VERSION,
  type BGPConfiguration,
  type BGPPeer,
  bgpConfiguration,
  type CalicoNodeStatus,
  calicoNodeStatus,
  type Node,
  node as nodeKind,
} from "@ocicat/api";
import { OcicatError, stringifyJson } from "@ocicat/kit";
import { planReflectors, REFLECTOR_LABEL, REFLECTOR_PEER, type ReflectorPlan } from "@ocicat/routing/plan";
import { type Opened, withDatastore } from "../connect/datastore.ts";
import type { PlanReflectorsOptions } from "../options/bgp.ts";
import { formatOf } from "../output/choose.ts";
import type { Surroundings } from "../surroundings.ts";

/** How long all nodes may take to have their sessions with the reflectors. */
const PATIENCE_MS = 120_000;
const LOOK_MS = 500;
/** What this command asks nodes by, and takes away again. */
const STATUS_PREFIX = "ocicat-plan-reflectors-";

/**
 * The move from the mesh to reflectors, make before break:
 *
 *     BGPPeer for nodes ↔ reflectors   nobody is one yet
 *     label the reflectors             sessions of the mesh go on under the BGPPeer
 *     cluster identifier               they begin to reflect: every path is there twice
 *     all sessions up?                 asked of every node; if not, the mesh stays
 *     mesh off                         the reflected paths are left, with the same next hops
 */
export async function planReflection(surroundings: Surroundings, options: PlanReflectorsOptions): Promise<void> {
  const count = options.count === undefined ? undefined : counted(options.count);
  await withDatastore(
    surroundings,
    options.config,
    async (opened) => {
      const nodes = (await opened.client.list(nodeKind)).items;
      const plan = planReflectors(nodes.map(candidate), count);
      if (plan === undefined) {
        surroundings.print(`${nodes.length} nodes: a mesh is as well. Nothing to do.\n`);
        return;
      }
      const format = formatOf(options.output, {
        ps: () => describe(plan, nodes.length),
        json: () => `${stringifyJson(plan, 2)}\n`,
      });
      surroundings.print(format());
      if (options.apply === true) await apply(surroundings, opened, plan, nodes);
      else surroundings.tell("nothing is written: that is done with --apply");
    },
    PATIENCE_MS,
  );
}

function candidate({ metadata, spec }: Node) {
  const { bgp } = spec;
  return {
    name: metadata.name,
    labels: metadata.labels ?? {},
    hasAddress: (bgp?.ipv4Address ?? bgp?.ipv6Address ?? "") !== "",
    clusterId: bgp?.routeReflectorClusterID,
  };
}

function describe({ reflectors, clusterId, sessionsBefore, sessionsAfter }: ReflectorPlan, nodes: number): string {
  return [
    `${nodes} nodes, of which ${reflectors.join(" and ")} reflect, in cluster ${clusterId}.`,
    `Sessions of each other node: ${sessionsBefore} in the mesh, ${sessionsAfter} then.`,
    "",
    `1. BGPPeer ${REFLECTOR_PEER}: all nodes, with those that have the label ${REFLECTOR_LABEL}`,
    `2. the label on ${reflectors.join(", ")}: sessions of the mesh go on under the BGPPeer`,
    `3. routeReflectorClusterID ${clusterId} on them: they begin to reflect`,
    "4. wait until every node has its sessions with all of them; if one has not, the mesh stays",
    '5. nodeToNodeMeshEnabled: false in BGPConfiguration "default"',
    "",
  ].join("\n");
}

async function apply(
  surroundings: Surroundings,
  { client, clock }: Opened,
  { reflectors, clusterId }: ReflectorPlan,
  nodes: readonly Node[],
): Promise<void> {
  const step = (text: string) => surroundings.tell(text);
  const present = await client.find(bgpConfiguration, "default");
  const { nodeMeshPassword, nodeMeshMaxRestartTime, ...others } = present?.spec ?? {};
  await client.apply<BGPPeer>({
    kind: "BGPPeer",
    apiVersion: API_VERSION,
    metadata: { name: REFLECTOR_PEER },
    // As in the mesh, or its sessions could not go on.
    spec: {
      peerSelector: `has(${REFLECTOR_LABEL})`,
      ...(nodeMeshPassword === undefined ? {} : { password: nodeMeshPassword }),
      ...(nodeMeshMaxRestartTime === undefined ? {} : { maxRestartTime: nodeMeshMaxRestartTime }),
    },
  });
  step(`BGPPeer ${REFLECTOR_PEER} is there`);
  for (const name of reflectors) {
    await client.modify(nodeKind, name, undefined, (present) => ({
      ...present,
      metadata: { ...present.metadata, labels: { ...present.metadata.labels, [REFLECTOR_LABEL]: "" } },
    }));
    step(`${name} is labelled`);
  }
  const wanted = addressesOf(nodes.filter(({ metadata }) => reflectors.includes(metadata.name)));
  await untilUp(surroundings, { client, clock }, nodes, wanted);
  for (const name of reflectors) {
    await client.modify(nodeKind, name, undefined, (present) => ({
      ...present,
      spec: { ...present.spec, bgp: { ...present.spec.bgp, routeReflectorClusterID: clusterId } },
    }));
    step(`${name} reflects`);
  }
  await untilUp(surroundings, { client, clock }, nodes, wanted);
  step("every node has its sessions with all reflectors");
  await client.apply<BGPConfiguration>({
    kind: "BGPConfiguration",
    apiVersion: API_VERSION,
    metadata: present?.metadata ?? { name: "default" },
    spec: { serviceLoadBalancerAggregation: "Enabled", ...others, nodeToNodeMeshEnabled: false },
  });
  step("the mesh is off");
}

/** IPv4 addresses, or those of IPv6 where a node has no other, by node. */
function addressesOf(nodes: readonly Node[]): ReadonlyMap<string, string> {
  return new Map(
    nodes.map(({ metadata, spec }) => {
      const [address = ""] = (spec.bgp?.ipv4Address ?? spec.bgp?.ipv6Address ?? "").split("/");
      return [metadata.name, address];
    }),
  );
}

/**
 * Asks every node for its sessions by a CalicoNodeStatus of its own, until each has one with every reflector that is not itself.
 * Throws OcicatError BGP_REFLECTORS with those that have not, with the mesh as it was.
 */
async function untilUp(
  { tell }: Surroundings,
  { client, clock }: Pick<Opened, "client" | "clock">,
  nodes: readonly Node[],
  reflectors: ReadonlyMap<string, string>,
): Promise<void> {
  const names = nodes.map(({ metadata }) => metadata.name);
  const since = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, "Z");
  try {
    for (const name of names)
      await client.apply<CalicoNodeStatus>({
        kind: "CalicoNodeStatus",
        apiVersion: API_VERSION,
        metadata: { name: `${STATUS_PREFIX}${name}` },
        spec: { node: name, classes: ["BGP"], updatePeriodSeconds: 1 },
      });
    const until = clock.monotonic() + PATIENCE_MS;
    for (;;) {
      const lacking = await lackingNodes(client, names, reflectors, since);
      if (lacking.length === 0) return;
      if (clock.monotonic() > until) {
        const what = `${lacking.join(", ")} did not get all sessions with ${[...reflectors.keys()].join(", ")}`;
        const fix = "look with ocicat node status there; the mesh is on as before, and this command may be given again";
        throw new OcicatError({ code: "BGP_REFLECTORS", what, fix });
      }
      await new Promise<void>((resolve) => clock.after(LOOK_MS, "reflectors", resolve));
    }
  } finally {
    for (const name of names)
      await client
        .delete(calicoNodeStatus, `${STATUS_PREFIX}${name}`)
        .catch((error: unknown) => tell(`${STATUS_PREFIX}${name} stays behind: ${String(error)}`));
  }
}

async function lackingNodes(
  client: Opened["client"],
  names: readonly string[],
  reflectors: ReadonlyMap<string, string>,
  since: string,
): Promise<string[]> {
  const { items } = await client.list(calicoNodeStatus);
  return names.filter((name) => {
    const status = items.find(({ metadata }) => metadata.name === `${STATUS_PREFIX}${name}`)?.status;
    // What was said before the last step says nothing of it.
    if ((status?.lastUpdated ?? "") <= since) return true;
    const peers = [...(status?.bgp.peersV4 ?? []), ...(status?.bgp.peersV6 ?? [])];
    return [...reflectors].some(
      ([reflector, address]) =>
        reflector !== name &&
        !peers.some(({ peerIP, state, type }) => peerIP === address && state === "Established" && type !== "NodeMesh"),
    );
  });
}

function counted(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= 9) return count;
  const fix = "give a number from 1 to 9; two, unless told, or three beyond 200 nodes";
  throw new OcicatError({ code: "CLI_ARGUMENTS", what: `"${text}" is no number of reflectors`, fix });
}
