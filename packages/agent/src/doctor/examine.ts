import type { ResourceClient } from "@ocicat/client";
import type { Datastore } from "@ocicat/datastore";
import { type AgentFacts, type Diagnosis, diagnose, type Looked } from "@ocicat/doctor";
import { type Clock, isOcicatError, OcicatError, type Random, toError } from "@ocicat/kit";
import type { Kernel } from "@ocicat/linux";
import { readCluster } from "./cluster.ts";
import { readFirewall } from "./firewall.ts";
import { readHost } from "./host.ts";
import { askPeers } from "./peers.ts";

/** How long the datastore may take to answer, in milliseconds: a person waits. */
const DATASTORE_MS = 5_000;
const BGP_PORT = 179;

export interface Examination {
  readonly node: string;
  readonly kernel: Kernel;
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Datastore;
  readonly client: ResourceClient;
  /** FelixConfiguration's. */
  readonly interfacePrefix: () => string;
  /** Pods by their interface on this side, as far as they are known. */
  readonly pods: () => ReadonlyMap<string, string>;
  /** What the running agent says of itself; for one that is away, why. */
  readonly agent: () => Looked<AgentFacts>;
}

/** Gathers the facts of the node that this runs on, and says what they mean. */
export async function examine(examination: Examination): Promise<Diagnosis> {
  const { node, kernel, clock, store, client, interfacePrefix } = examination;
  const cluster = await lookLater(() => within(clock, DATASTORE_MS, readCluster(store, client)));
  const bgpPort = cluster.ok ? cluster.value.bgpPort : BGP_PORT;
  const host = look(() => readHost(kernel, { interfacePrefix: interfacePrefix(), bgpPort, pods: examination.pods() }));
  const firewall = look(() => readFirewall(kernel));
  const agent = examination.agent();
  const sessions = agent.ok ? agent.value.sessions : [];
  const peers = await both(host, cluster, (hostFacts, clusterFacts) =>
    askPeers({ node, host: hostFacts, cluster: clusterFacts, sessions }, examination),
  );
  return diagnose({ node, host, cluster, agent, firewall, peers });
}

async function both<A, B, T>(a: Looked<A>, b: Looked<B>, read: (a: A, b: B) => Promise<T>): Promise<Looked<T>> {
  if (!a.ok) return a;
  if (!b.ok) return b;
  return await lookLater(() => read(a.value, b.value));
}

function look<T>(read: () => T): Looked<T> {
  try {
    return { ok: true, value: read() };
  } catch (error) {
    return refused(error);
  }
}

async function lookLater<T>(read: () => Promise<T>): Promise<Looked<T>> {
  try {
    return { ok: true, value: await read() };
  } catch (error) {
    return refused(error);
  }
}

/** A mistake of ours is not a fact. */
function refused(error: unknown): { readonly ok: false; readonly why: string } {
  if (isOcicatError(error)) return { ok: false, why: error.message };
  throw toError(error);
}

function within<T>(clock: Clock, ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(ms, "doctor", () => reject(silence()));
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}

function silence(): OcicatError {
  return new OcicatError({
    code: "DATASTORE_SILENT",
    what: `the datastore did not answer within ${DATASTORE_MS / 1000} s`,
  });
}
