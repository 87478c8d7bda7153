import { type AffinityOwner, DEFAULT_IPAM_CONFIG, hostOwner } from "@ocicat/api/ipam";
import { type Datastore, MemoryDatastore } from "@ocicat/datastore";
import { openEtcd, systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { createIpam, type Ipam, type IpamSettings, LOAD_BALANCER } from "../../src/index.ts";
import { InterceptedStore } from "../support/intercepted-store.ts";
import { pool } from "../support/world.ts";

/** One process of the cluster: whose addresses it gives, how it writes, and where it writes down what it did. */
export interface Member {
  readonly name: string;
  readonly endpoint: string;
  readonly journal: string;
  readonly transactions: boolean;
  readonly seed: number;
  readonly cooldown: boolean;
}

export const MEMBERS = ["node1", "node2", "node3", "node4", "load-balancer"];

/** Pools in which five owners meet: blocks are few, so they are claimed, borrowed from, given up and taken over. */
export const POOLS = [
  pool("pods", "10.0.0.0/26", 29),
  pool("tiny", "10.0.1.0/29", 31),
  pool("six", "fd00::/120", 124),
  pool("services", "10.9.0.0/28", 30, { allowedUses: ["LoadBalancer"] }),
];

/** What an endpoint would be: written and deleted in one step with its addresses. */
export const ENDPOINTS = "/soak/endpoint/";

export function ownerOf(name: string): AffinityOwner {
  return name === LOAD_BALANCER.name ? LOAD_BALANCER : hostOwner(name);
}

export function openStore({ endpoint, transactions }: Pick<Member, "endpoint" | "transactions">): Datastore {
  const store = openEtcd({ endpoints: [endpoint], timeoutMs: 5_000 });
  if (transactions) return store;
  return new InterceptedStore(store, (_call, run) => run(), {
    ...new MemoryDatastore().abilities,
    transactions: false,
  });
}

export function openIpam(member: Pick<Member, "name" | "cooldown">, store: Datastore): Ipam {
  const config = { ...DEFAULT_IPAM_CONFIG, ipCooldownSeconds: member.cooldown ? 1 : 0 };
  const settings: IpamSettings = { pools: POOLS, reservations: [], config };
  const owner = ownerOf(member.name);
  return createIpam({ store, clock: systemClock, random: systemRandom, owner, settings: () => settings });
}
