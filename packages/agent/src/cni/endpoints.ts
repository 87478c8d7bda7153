import {
  API_VERSION,
  affinityKey,
  asCreated,
  encodeStored,
  hostOwner,
  randomUid,
  resourceKey,
  type WorkloadEndpoint,
} from "@ocicat/api";
import type { AddRequest, EndpointIdentity, IpamAddRequest, IpamAddress } from "@ocicat/cni";
import { ENDPOINT_ATTRIBUTE, NO_ENDPOINT } from "@ocicat/controllers/collect";
import type { Datastore } from "@ocicat/datastore";
import type { AssignedAddress, Extra, Ipam } from "@ocicat/ipam";
import { type Clock, isOcicatError, OcicatError, type Random } from "@ocicat/kit";
import { type Address, familyOf, formatAddress, type Mac, Prefix } from "@ocicat/net";
import type { AffinityRow } from "@ocicat/routing";
import type { AgentEndpointRow, AgentPoolRow } from "../tables/rows.ts";
import type { Table } from "../tables/table.ts";
import type { EndpointSink } from "../tables/tables.ts";
import { addressesHeldBy } from "./held.ts";
import { poolsForNamespace } from "./namespace.ts";
import { wantsOf } from "./wants.ts";

export interface EndpointsOptions {
  readonly nodeName: string;
  readonly store: Datastore;
  readonly ipam: Ipam;
  readonly table: Table<AgentEndpointRow>;
  /** Fills the table, and others. */
  readonly sink: EndpointSink;
  /** Makes the network's profile where there is none. */
  readonly ensureProfile: (request: AddRequest) => Promise<void>;
  readonly affinities: Table<AffinityRow>;
  readonly pools: Table<AgentPoolRow>;
  readonly clock: Clock;
  readonly random: Random;
  /** What of an endpoint is not in the kernel as it should be, in words. */
  readonly unprogrammed: (endpoint: AgentEndpointRow) => readonly string[];
}

/**
 * This node's endpoints with their addresses: what the plugin's verbs do to the datastore. An endpoint and its addresses
 * are claimed in one transaction and released in one, so that no crash leaves one without the other.
 */
export class Endpoints {
  readonly #options: EndpointsOptions;

  constructor(options: EndpointsOptions) {
    this.#options = options;
  }

  /** The endpoint, if it is this container's. */
  find(identity: EndpointIdentity, containerId: string): AgentEndpointRow | undefined {
    const row = this.#options.table.get(keyOf(identity));
    return row?.containerId === containerId ? row : undefined;
  }

  /** The container that has the endpoint now. */
  owner(identity: EndpointIdentity): string | undefined {
    return this.#options.table.get(keyOf(identity))?.containerId;
  }

  /** Addresses and endpoint in one transaction. A repeated claim gets the same addresses. */
  async claim(request: AddRequest, mac: Mac): Promise<AgentEndpointRow> {
    const { table, sink, ensureProfile } = this.#options;
    const { endpoint } = request;
    const key = keyOf(endpoint);
    const extra = (addresses: readonly AssignedAddress[]): Extra => {
      const written = table.revisionOf(key);
      const resource = this.#resource(request, mac, addresses);
      return {
        compares: [written === undefined ? { key, exists: false } : { key, modRevision: written }],
        operations: [{ put: key, value: encodeStored(resource) }],
        committed: (revision) => sink.wrote(key, resource, revision),
      };
    };
    // Beside the claim, whose outcome is waited for first: a claim that nobody waits for is one that nobody undoes.
    const profile = ensureProfile(request);
    profile.catch(() => undefined);
    const assigned = await this.#onFreshRow(key, () => this.#assign(request, extra));
    await profile;
    const [row] = await Promise.all([
      this.#confirmed(key, request.containerId),
      ...assigned.map((entry) => this.#knowBlock(entry)),
    ]);
    return row;
  }

  /** Gives back what the container has. What is gone already is done already; another container's endpoint stays. */
  async release(identity: EndpointIdentity, containerId: string): Promise<void> {
    const { ipam, table, sink } = this.#options;
    const key = keyOf(identity);
    await this.#onFreshRow(key, () => {
      const revision = table.revisionOf(key);
      const own = table.get(key)?.containerId === containerId && revision !== undefined;
      if (!own) return ipam.release({ handleId: identity.handleId });
      const extra: Extra = {
        compares: [{ key, modRevision: revision }],
        operations: [{ delete: key }],
        committed: (deleted) => sink.wrote(key, undefined, deleted),
      };
      return ipam.release({ handleId: identity.handleId, extra });
    });
  }

  /** For another plugin's interface, which has no endpoint: garbage collection must not look for one. */
  async claimAddresses(request: IpamAddRequest): Promise<readonly IpamAddress[]> {
    const assigned = await this.#assign(request, undefined, { [ENDPOINT_ATTRIBUTE]: NO_ENDPOINT });
    return assigned.map(({ address, block }) => ({ address, block }));
  }

  async releaseAddresses(handleId: string): Promise<void> {
    await this.#options.ipam.release({ handleId });
  }

  async addressesOf(handleId: string): Promise<readonly Address[]> {
    return await addressesHeldBy(this.#options.store, handleId);
  }

  async checkAddresses(handleId: string, addresses: readonly Address[]): Promise<readonly string[]> {
    const held = new Set((await this.addressesOf(handleId)).map(formatAddress));
    return addresses
      .map(formatAddress)
      .filter((address) => !held.has(address))
      .map((address) => `${address} is not allocated to ${handleId}`);
  }

  unprogrammed(endpoint: AgentEndpointRow): readonly string[] {
    return this.#options.unprogrammed(endpoint);
  }

  /** Somebody may have changed the endpoint since the watch told of it: then it is read again, and the work repeated once. */
  async #onFreshRow<T>(key: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(isOcicatError(error) && error.code === "IPAM_EXTRA_CONFLICT")) throw error;
      const { store, table, sink } = this.#options;
      const item = await store.get(key);
      if (item === undefined) sink.remove(key, table.revisionOf(key) ?? 0n);
      else sink.put(item);
      return await work();
    }
  }

  /** The addresses asked for by value, or any; all of them or none. */
  async #assign(
    request: AddRequest | IpamAddRequest,
    extra: ((addresses: readonly AssignedAddress[]) => Extra) | undefined,
    more: Readonly<Record<string, string>> = {},
  ): Promise<readonly AssignedAddress[]> {
    const { ipam, store, pools } = this.#options;
    const attributes = { ...attributesOf(request), ...more };
    const common = { handleId: request.endpoint.handleId, attributes, use: "Workload" as const };
    const withExtra = extra === undefined ? {} : { extra };
    const { addresses } = request.options;
    if (addresses.length > 0) return await ipam.assignIps({ ...common, ...withExtra, addresses });
    const allows = await poolsForNamespace(store, pools.rows(), request.endpoint);
    return await ipam.autoAssign({ ...common, ...withExtra, wants: wantsOf(request.options, allows) });
  }

  /**
   * A block claimed a moment ago is known before its watch event: without it the address would look borrowed, and a /32
   * would be announced for as long as the event takes.
   */
  async #knowBlock({ block, borrowedFrom }: AssignedAddress): Promise<void> {
    const { store, affinities, nodeName } = this.#options;
    const key = affinityKey(hostOwner(nodeName), block);
    if (borrowedFrom !== undefined || affinities.get(key) !== undefined) return;
    const item = await store.get(key);
    if (item !== undefined) affinities.put(item);
  }

  /** The endpoint as it was written: known from the commit, else read back. */
  async #confirmed(key: string, containerId: string): Promise<AgentEndpointRow> {
    const { store, table, sink } = this.#options;
    const told = table.get(key);
    if (told?.containerId === containerId) return told;
    const item = await store.get(key);
    if (item !== undefined) sink.put(item);
    const row = table.get(key);
    if (row !== undefined) return row;
    throw new OcicatError({
      code: "ENDPOINT_LOST",
      where: key,
      what: "the endpoint just written is gone",
      why: "somebody deleted it",
      retryable: true,
    });
  }

  #resource(request: AddRequest, mac: Mac, addresses: readonly AssignedAddress[]): WorkloadEndpoint {
    const { nodeName, clock, random } = this.#options;
    const { endpoint } = request;
    const resource: WorkloadEndpoint = {
      kind: "WorkloadEndpoint",
      apiVersion: API_VERSION,
      metadata: {
        name: endpoint.name,
        namespace: endpoint.namespace,
        labels: {
          ...request.options.labels,
          "projectcalico.org/namespace": endpoint.namespace,
          "projectcalico.org/orchestrator": endpoint.orchestrator,
        },
      },
      spec: {
        orchestrator: endpoint.orchestrator,
        node: nodeName,
        containerID: request.containerId,
        ...(endpoint.orchestrator === "k8s" ? { pod: endpoint.workload } : {}),
        endpoint: endpoint.endpoint,
        ipNetworks: addresses.map((entry) => Prefix.host(entry.address).toString()),
        ...floatingAddresses(request.options.floating, addresses),
        ...wishesOf(request.options),
        profiles: [request.network],
        interfaceName: endpoint.hostInterface,
        mac,
      },
    };
    return asCreated(resource, { uid: randomUid(random), now: clock.now() });
  }
}

/** Each leads to the endpoint's own address of its family; one without such leads nowhere, and is left out. */
function floatingAddresses(floating: readonly Address[], addresses: readonly AssignedAddress[]) {
  const ipNATs = floating.flatMap((external) => {
    const own = addresses.find(({ family }) => family === familyOf(external));
    if (own === undefined) return [];
    return [{ internalIP: formatAddress(own.address), externalIP: formatAddress(external) }];
  });
  return ipNATs.length === 0 ? {} : { ipNATs };
}

/** What is not wished for is not stored. */
function wishesOf({ allowedSources, qos }: AddRequest["options"]) {
  return {
    ...(allowedSources.length === 0 ? {} : { allowSpoofedSourcePrefixes: allowedSources.map(String) }),
    ...(qos === undefined ? {} : { qosControls: qos }),
  };
}

function keyOf(identity: EndpointIdentity): string {
  return resourceKey("WorkloadEndpoint", identity.name, identity.namespace);
}

/** Who holds the address, as `ipam show --ip` tells it; node and time are added by the allocation. */
function attributesOf(request: AddRequest | IpamAddRequest): Readonly<Record<string, string>> {
  const { endpoint } = request;
  return endpoint.orchestrator === "k8s" ? { namespace: endpoint.namespace, pod: endpoint.workload } : {};
}
