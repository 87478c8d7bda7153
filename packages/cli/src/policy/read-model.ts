import {
  everyPolicySource,
  makePolicyRows,
  nodeRow,
  nodeSetOf,
  policySettings,
  policyTables,
  servicesIn,
  tunnelsInUse,
} from "@ocicat/agent/rows";
import {
  felixConfiguration,
  felixSettings,
  ippool,
  type Node,
  node as nodeKind,
  profile as profileKind,
  tier as tierKind,
} from "@ocicat/api";
import { createLogger } from "@ocicat/kit";
import { type HostInterface, type PolicyModel, readProfile, readTier } from "@ocicat/policy";
import { TUNNEL_KINDS, TUNNELS } from "@ocicat/routing";
import { type OwnInterfaces, readOwnInterfaces } from "../agents/answers.ts";
import { tryAgents } from "../agents/reach.ts";
import type { Opened } from "../connect/datastore.ts";
import type { Surroundings } from "../surroundings.ts";

/**
 * Everything that verdicts follow from, as the datastore has it now, read by what the agents read it by: of a value that
 * cannot be read the same stands in its place, and it is told.
 */
export async function readPolicyModel(surroundings: Surroundings, opened: Opened): Promise<PolicyModel> {
  const { store, client } = opened;
  const logger = createLogger("", "warning", ({ message, fields }) => {
    surroundings.tell(`${message}: ${Object.values(fields).map(String).join(": ")}`);
    surroundings.setExitCode(1);
  });
  const rows = makePolicyRows(logger);
  const [nodes, felix, pools, interfaces] = await Promise.all([
    client.list(nodeKind),
    client.list(felixConfiguration),
    client.list(ippool),
    tryAgents(surroundings, "/node", readOwnInterfaces),
    ...everyPolicySource(rows).map(async ([prefix, table]) => {
      const { items } = await store.list(prefix);
      for (const item of items) table.put(item);
    }),
  ]);
  const general = felix.items.filter(({ metadata }) => metadata.name === "default").map(({ spec }) => spec);
  const byNode = new Map(interfaces.map(({ body }) => [body.node, body]));
  return {
    tiers: withBuiltIn([...rows.tiers.rows()], tierKind.builtIn.map(readTier)),
    profiles: withBuiltIn([...rows.profiles.rows()], profileKind.builtIn.map(readProfile)),
    policies: policyTables(rows).flatMap((table) => [...table.rows()]),
    endpoints: [...rows.workloads.rows(), ...rows.hosts.rows()],
    networkSets: [...rows.networkSets.rows(), ...rows.globalNetworkSets.rows()],
    services: servicesIn(rows),
    settings: policySettings(felixSettings(general), tunnelsInUse(pools.items.map(({ spec }) => spec))),
    nodeSets: nodes.items.map((each) => nodeSetOf(nodeRow(each))),
    nodes: nodes.items.flatMap((node) => interfacesOf(node, byNode.get(node.metadata.name))),
  };
}

/** What every cluster has, stored or not. */
function withBuiltIn<T extends { readonly name: string }>(stored: readonly T[], builtIn: readonly T[]): readonly T[] {
  const names = new Set(stored.map(({ name }) => name));
  return [...stored, ...builtIn.filter(({ name }) => !names.has(name))];
}

/** A node's own addresses, on interfaces that its agent knows the names of, and those of its tunnels. */
function interfacesOf(resource: Node, known: OwnInterfaces | undefined): readonly HostInterface[] {
  const { name: node, ipv4, ipv6, tunnels } = nodeRow(resource);
  const own = [ipv4, ipv6].flatMap((entry, index) =>
    entry === undefined ? [] : [{ node, name: known?.[index === 0 ? 4 : 6], addresses: [entry.address] }],
  );
  const far = TUNNEL_KINDS.flatMap((kind) => {
    const end = tunnels[kind];
    const address = typeof end === "object" ? end.address : end;
    return address === undefined ? [] : [{ node, name: TUNNELS[kind].device, addresses: [address] }];
  });
  return [...own, ...far];
}
