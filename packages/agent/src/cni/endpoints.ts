import { affinityKey, hostOwner, resourceKey } from "@ocicat/api";
import type { AddRequest, EndpointIdentity, IpamAddRequest, IpamAddress } from "@ocicat/cni";
import { ENDPOINT_ATTRIBUTE, NO_ENDPOINT } from "@ocicat/controllers/collect";
import type { Datastore } from "@ocicat/datastore";
import type { AssignedAddress, Extra, Ipam } from "@ocicat/ipam";
import { OcicatError } from "@ocicat/kit";
import { type Address, formatAddress, type Mac } from "@ocicat/net";
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
  /** Keeps the endpoints' rows. */
  readonly recorder: EndpointRecorder;
  /** Makes the network's profile where there is none. */
  readonly ensureProfile: (request: AddRequest) => Promise<void>;
  readonly affinities: Table<AffinityRow>;
  readonly pools: Table<AgentPoolRow>;
  /** What of an endpoint is not in the kernel as it should be, in words. */
  readonly unprogrammed: (endpoint: AgentEndpointRow) => readonly string[];
}

/** What an ADD assigns, with the endpoint's row in the same transaction where there is one. */
export type Assign = (extra?: (addresses: readonly AssignedAddress[]) => Extra) => Promise<readonly AssignedAddress[]>;

/** How a datastore keeps the row of an endpoint beside its addresses, so that no crash leaves one without the other for long. */
export interface EndpointRecorder {
  /** The request with what the datastore says of the pod. Throws CniError. */
  prepare(request: AddRequest): Promise<AddRequest>;
  /** Addresses and row. A repeated claim gets the same addresses. */
  claim(request: AddRequest, key: string, mac: Mac, assign: Assign): Promise<readonly AssignedAddress[]>;
  /** Row and addresses, where the row is the container's; otherwise its addresses alone. */
  release(identity: EndpointIdentity, key: string, containerId: string): Promise<void>;
}

/** This node's endpoints with their addresses: what the plugin's verbs do to the datastore. */
export class Endpoints {
  readonly #options: EndpointsOptions;

  constructor(options: EndpointsOptions) {
    this.#options = options;
  }

  /** The endpoint, if it is this container's. */
  find(identity: EndpointIdentity, containerId: string): AgentEndpointRow | undefined {
    const row = this.#options.table.get(keyOf(identity));
    // Without an address it is one that was released.
    return row?.containerId === containerId && row.addresses.length > 0 ? row : undefined;
  }

  /** What is wanted, by the plugin's configuration and by the pod. */
  prepare(request: AddRequest): Promise<AddRequest> {
    return this.#options.recorder.prepare(request);
  }

  /** The container that has the endpoint now. */
  owner(identity: EndpointIdentity): string | undefined {
    return this.#options.table.get(keyOf(identity))?.containerId;
  }

  /** Addresses and endpoint. A repeated claim gets the same addresses. */
  async claim(request: AddRequest, mac: Mac): Promise<AgentEndpointRow> {
    const { recorder, ensureProfile } = this.#options;
    const key = keyOf(request.endpoint);
    // Beside the claim, whose outcome is waited for first: a claim that nobody waits for is one that nobody undoes.
    const profile = ensureProfile(request);
    profile.catch(() => undefined);
    const assigned = await recorder.claim(request, key, mac, (extra) => this.#assign(request, extra));
    await profile;
    const [row] = await Promise.all([
      this.#confirmed(key, request.containerId),
      ...assigned.map((entry) => this.#knowBlock(entry)),
    ]);
    return row;
  }

  /** Gives back what the container has. What is gone already is done already; another container's endpoint stays. */
  async release(identity: EndpointIdentity, containerId: string): Promise<void> {
    await this.#options.recorder.release(identity, keyOf(identity), containerId);
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
}

function keyOf(identity: EndpointIdentity): string {
  return resourceKey("WorkloadEndpoint", identity.name, identity.namespace);
}

/** Who holds the address, as `ipam show --ip` tells it; node and time are added by the allocation. */
function attributesOf(request: AddRequest | IpamAddRequest): Readonly<Record<string, string>> {
  const { endpoint } = request;
  return endpoint.orchestrator === "k8s" ? { namespace: endpoint.namespace, pod: endpoint.workload } : {};
}
