import { decodeStored, type WorkloadEndpoint, withoutPluginBandwidth, workloadEndpoint } from "@ocicat/api";
import { type AddRequest, CniCode, CniError, type EndpointIdentity, withAnnotations } from "@ocicat/cni";
import { type Datastore, DatastoreError, type KeyValue } from "@ocicat/datastore";
import type { AssignedAddress, Ipam } from "@ocicat/ipam";
import type { ApiObject, KubernetesDatastore } from "@ocicat/kubernetes";
import { headOf, type ObjectHead, podOfEndpoint } from "@ocicat/kubernetes/derive";
import { type Mac, Prefix } from "@ocicat/net";
import { type AgentEndpointRow, endpointRow } from "../tables/rows.ts";
import type { Table } from "../tables/table.ts";
import type { EndpointSink } from "../tables/tables.ts";
import type { Assign, EndpointRecorder } from "./endpoints.ts";

export interface PodRecorderOptions {
  /** Where pods and namespaces are read, with all they say. */
  readonly kubernetes: KubernetesDatastore;
  /** Where rows are written: the same, but refused while it is locked. */
  readonly store: Datastore;
  readonly ipam: Ipam;
  readonly table: Table<AgentEndpointRow>;
  readonly sink: EndpointSink;
}

/** Kubelet writes the pod's status at any time; each time the row is another revision, and is written on that one. */
const ATTEMPTS = 20;

/** A pod as it was read: its row, and what it says of its network. */
interface Pod {
  readonly item: KeyValue;
  readonly head: ObjectHead;
}

/**
 * Rows that follow from pods: the address is claimed, and then written on the pod; taken from the pod, and then released.
 * A crash between the two leaves an address that nobody uses, which the sandbox's DEL gives back, and garbage collection where
 * no DEL comes. Each write compares: a pod of the same name that was made anew is another, and so is a later sandbox's.
 */
export class PodRecorder implements EndpointRecorder {
  readonly #options: PodRecorderOptions;
  /** What ADDs under way have read. */
  readonly #pods = new WeakMap<AddRequest, Pod>();

  constructor(options: PodRecorderOptions) {
    this.#options = options;
  }

  async prepare(request: AddRequest): Promise<AddRequest> {
    const { endpoint, args } = request;
    if (args.pod === undefined) throw noPod(request);
    const key = workloadEndpoint.storage.key(endpoint.name, endpoint.namespace) ?? "";
    if (podOfEndpoint(key) === undefined) throw otherInterface(request);
    const [pod, namespace] = await Promise.all([this.#read(key), this.#namespace(endpoint.namespace)]);
    if (pod === undefined || !isSame(pod, args.podUid)) throw gone(request);
    const prepared = {
      ...request,
      options: withAnnotations(request.options, withoutPluginBandwidth(pod.head.annotations), namespace),
    };
    this.#pods.set(prepared, pod);
    return prepared;
  }

  async claim(request: AddRequest, key: string, mac: Mac, assign: Assign): Promise<readonly AssignedAddress[]> {
    const assigned = await assign();
    const ipNetworks = assigned.map(({ address }) => Prefix.host(address).toString());
    const first = this.#pods.get(request) ?? (await this.#read(key));
    const written = await this.#write(key, first, (row, pod) => {
      if (!isSame(pod, request.args.podUid)) throw gone(request);
      const isWritten = row.containerId === request.containerId && sameAddresses(row, assigned);
      return isWritten ? undefined : { containerID: request.containerId, ipNetworks, mac };
    });
    if (!written) throw gone(request);
    return assigned;
  }

  async release({ handleId }: EndpointIdentity, key: string, containerId: string): Promise<void> {
    const { ipam, table } = this.#options;
    // What the table says of a container is its ADD's word: no other node's agent writes it, and the pod itself never does.
    if (table.get(key)?.containerId === containerId) {
      await this.#write(key, undefined, (row) => {
        const isOurs = row.containerId === containerId && row.addresses.length > 0;
        return isOurs ? { ipNetworks: [] } : undefined;
      });
    }
    await ipam.release({ handleId });
  }

  /**
   * Writes what `change` makes of the row, over exactly what it was shown; nothing if it makes none. False: there is no pod.
   * Who does not hear an answer looks again: the row says what happened.
   */
  async #write(
    key: string,
    known: Pod | undefined,
    change: (row: AgentEndpointRow, pod: Pod) => Partial<WorkloadEndpoint["spec"]> | undefined,
  ): Promise<boolean> {
    const { store, sink } = this.#options;
    let pod = known ?? (await this.#read(key));
    for (let attempt = 1; pod !== undefined; attempt++) {
      const endpoint = decodeStored(workloadEndpoint, pod.item);
      const spec = change(endpointRow(key, endpoint), pod);
      if (spec === undefined) {
        sink.put(pod.item);
        return true;
      }
      const value = JSON.stringify({ ...endpoint, spec: { ...endpoint.spec, ...spec } });
      try {
        sink.put(await store.update(key, value, pod.item.modRevision));
        return true;
      } catch (error) {
        if (!(error instanceof DatastoreError) || !LOOK_AGAIN.has(error.code) || attempt === ATTEMPTS) throw error;
      }
      pod = await this.#read(key);
    }
    return false;
  }

  async #read(key: string): Promise<Pod | undefined> {
    const found = await this.#options.kubernetes.objectOf(key);
    return found === undefined ? undefined : { item: found.item, head: headOf(found.object) };
  }

  async #namespace(name: string): Promise<Readonly<Record<string, string>>> {
    const object: ApiObject | undefined = await this.#options.kubernetes.namespace(name);
    return object === undefined ? {} : headOf(object).annotations;
  }
}

const LOOK_AGAIN: ReadonlySet<string> = new Set(["CONFLICT", "NOT_FOUND", "UNKNOWN_OUTCOME"]);

/** What a pod on disk is called by its kubelet, where its object, a mirror, has another uid. */
const MIRROR = "kubernetes.io/config.mirror";

function isSame({ head: { uid, annotations } }: Pod, wanted: string | undefined): boolean {
  return wanted === undefined || uid === wanted || annotations[MIRROR] === wanted;
}

function sameAddresses(row: AgentEndpointRow, assigned: readonly AssignedAddress[]): boolean {
  return row.addresses.length === assigned.length && assigned.every(({ address }) => row.addresses.includes(address));
}

function gone({ endpoint: { namespace, workload } }: AddRequest): CniError {
  return new CniError(CniCode.tryAgainLater, {
    code: "POD_GONE",
    where: `pod ${namespace}/${workload}`,
    what: "is not the one that this sandbox is for",
    why: "it was deleted, or made anew under its name, or the API server does not know it yet",
    fix: "the runtime tries again, with a new sandbox, where the pod is still wanted",
  });
}

function noPod({ containerId }: AddRequest): CniError {
  return new CniError(CniCode.invalidConfig, {
    code: "POD_UNKNOWN",
    where: `container ${containerId}`,
    what: "is no pod's",
    why: "the datastore is Kubernetes, whose endpoints are pods",
    fix: "let the runtime say K8S_POD_NAMESPACE and K8S_POD_NAME in CNI_ARGS, or use etcd as the datastore",
  });
}

function otherInterface({ ifname, endpoint: { namespace, workload } }: AddRequest): CniError {
  return new CniError(CniCode.invalidConfig, {
    code: "POD_INTERFACE",
    where: `pod ${namespace}/${workload}, ${ifname}`,
    what: "cannot be an endpoint",
    why: "the datastore is Kubernetes, which knows one interface of a pod, eth0",
    fix: "make the pod's first interface by this plugin, and further ones by another",
  });
}
