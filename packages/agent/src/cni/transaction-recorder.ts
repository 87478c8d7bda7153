import { API_VERSION, asCreated, encodeStored, randomUid, type WorkloadEndpoint } from "@ocicat/api";
import type { AddRequest, EndpointIdentity } from "@ocicat/cni";
import type { Datastore } from "@ocicat/datastore";
import type { AssignedAddress, Extra, Ipam } from "@ocicat/ipam";
import { type Clock, isOcicatError, type Random } from "@ocicat/kit";
import { type Address, familyOf, formatAddress, type Mac, Prefix } from "@ocicat/net";
import type { AgentEndpointRow } from "../tables/rows.ts";
import type { Table } from "../tables/table.ts";
import type { EndpointSink } from "../tables/tables.ts";
import type { Assign, EndpointRecorder } from "./endpoints.ts";

export interface TransactionRecorderOptions {
  readonly nodeName: string;
  readonly store: Datastore;
  readonly ipam: Ipam;
  readonly table: Table<AgentEndpointRow>;
  readonly sink: EndpointSink;
  readonly clock: Clock;
  readonly random: Random;
}

/** Rows of our own: an endpoint and its addresses are claimed in one transaction and released in one. */
export class TransactionRecorder implements EndpointRecorder {
  readonly #options: TransactionRecorderOptions;

  constructor(options: TransactionRecorderOptions) {
    this.#options = options;
  }

  async prepare(request: AddRequest): Promise<AddRequest> {
    return request;
  }

  async claim(request: AddRequest, key: string, mac: Mac, assign: Assign): Promise<readonly AssignedAddress[]> {
    const { table, sink } = this.#options;
    const extra = (addresses: readonly AssignedAddress[]): Extra => {
      const written = table.revisionOf(key);
      const resource = this.#resource(request, mac, addresses);
      return {
        compares: [written === undefined ? { key, exists: false } : { key, modRevision: written }],
        operations: [{ put: key, value: encodeStored(resource) }],
        committed: (revision) => sink.wrote(key, resource, revision),
      };
    };
    return await this.#onFreshRow(key, () => assign(extra));
  }

  async release({ handleId }: EndpointIdentity, key: string, containerId: string): Promise<void> {
    const { ipam, table, sink } = this.#options;
    await this.#onFreshRow(key, () => {
      const revision = table.revisionOf(key);
      const own = table.get(key)?.containerId === containerId && revision !== undefined;
      if (!own) return ipam.release({ handleId });
      const extra: Extra = {
        compares: [{ key, modRevision: revision }],
        operations: [{ delete: key }],
        committed: (deleted) => sink.wrote(key, undefined, deleted),
      };
      return ipam.release({ handleId, extra });
    });
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
