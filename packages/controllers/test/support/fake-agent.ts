import { asCreated, encodeStored, node as nodeKind, randomUid, resourceKey, type WorkloadEndpoint } from "@ocicat/api";
import { DEFAULT_IPAM_CONFIG, type IpamConfig } from "@ocicat/api/ipam";
import type { Datastore } from "@ocicat/datastore";
import { type AssignedAddress, createIpam, type Extra, type Ipam, type IpamPool } from "@ocicat/ipam";
import type { Clock, Random } from "@ocicat/kit";
import { formatAddress, Prefix, parsePrefix } from "@ocicat/net";

export function pool(name: string, cidr: string, blockSize = 26): IpamPool {
  return {
    name,
    prefix: parsePrefix(cidr),
    blockSize,
    disabled: false,
    assignmentMode: "Automatic",
    allowedUses: ["Workload", "Tunnel"],
    selectsNode: true,
  };
}

export interface FakeAgentOptions {
  readonly store: Datastore;
  readonly clock: Clock;
  readonly random: Random;
  readonly name: string;
  readonly pools: readonly IpamPool[];
  readonly config?: Partial<IpamConfig>;
}

/** A node's agent as far as the datastore sees it: its Node, its endpoints, its addresses, in the agent's transactions. */
export class FakeAgent {
  readonly name: string;
  readonly ipam: Ipam;
  readonly #options: FakeAgentOptions;

  constructor(options: FakeAgentOptions) {
    const { store, clock, random, name, pools, config } = options;
    this.#options = options;
    this.name = name;
    const settings = { pools, reservations: [], config: { ...DEFAULT_IPAM_CONFIG, ...config } };
    this.ipam = createIpam({ store, clock, random, node: name, settings: () => settings });
  }

  async register(): Promise<void> {
    const { store, clock, random, name } = this.#options;
    const resource = { kind: "Node", apiVersion: "projectcalico.org/v3", metadata: { name }, spec: {} } as const;
    const key = nodeKind.storage.key(name, undefined) ?? "";
    await store.put(key, encodeStored(asCreated(resource, { uid: randomUid(random), now: clock.now() })));
    await store.put(`/calico/ipam/v2/host/${name}`, "{}");
  }

  /** Deletes the Node and nothing else: as a machine that is gone leaves it. */
  async vanish(): Promise<void> {
    await this.#options.store.delete(nodeKind.storage.key(this.name, undefined) ?? "");
  }

  endpointKey(pod: string): string {
    return resourceKey("WorkloadEndpoint", `${this.name}-k8s-${pod}-eth0`, "default");
  }

  /** CNI ADD: address, handle and endpoint in one transaction. */
  async add(pod: string, container: string): Promise<string> {
    const key = this.endpointKey(pod);
    const existing = await this.#options.store.get(key);
    const extra = (addresses: readonly AssignedAddress[]): Extra => ({
      compares: [existing === undefined ? { key, exists: false } : { key, modRevision: existing.modRevision }],
      operations: [{ put: key, value: this.#endpoint(pod, container, addresses) }],
    });
    const [address] = await this.ipam.autoAssign({ ...this.#request(pod, container), extra });
    return address === undefined ? "" : formatAddress(address.address);
  }

  /** An address and no endpoint: as an agent leaves it that is killed between the two, where they are two. */
  async addHalf(pod: string, container: string): Promise<string> {
    const [address] = await this.ipam.autoAssign(this.#request(pod, container));
    return address === undefined ? "" : formatAddress(address.address);
  }

  /** CNI DEL. */
  async del(pod: string, container: string): Promise<void> {
    const key = this.endpointKey(pod);
    const stored = await this.#options.store.get(key);
    const isOwn = stored?.value.includes(`"${container}"`) === true;
    const extra: Extra | undefined = isOwn
      ? { compares: [{ key, modRevision: stored.modRevision }], operations: [{ delete: key }] }
      : undefined;
    await this.ipam.release({ handleId: handleOf(container), ...(extra === undefined ? {} : { extra }) });
  }

  async tunnelAddress(): Promise<string> {
    const [address] = await this.ipam.autoAssign({
      handleId: `vxlan-tunnel-addr-${this.name}`,
      attributes: { type: "vxlanTunnelAddress" },
      use: "Tunnel",
      wants: [{ family: 4 }],
    });
    return address === undefined ? "" : formatAddress(address.address);
  }

  #request(pod: string, container: string) {
    return {
      handleId: handleOf(container),
      attributes: { pod, namespace: "default" },
      wants: [{ family: 4 as const }],
    };
  }

  #endpoint(pod: string, container: string, addresses: readonly AssignedAddress[]): string {
    const { clock, random, name } = this.#options;
    const resource: WorkloadEndpoint = {
      kind: "WorkloadEndpoint",
      apiVersion: "projectcalico.org/v3",
      metadata: { name: `${name}-k8s-${pod}-eth0`, namespace: "default" },
      spec: {
        orchestrator: "k8s",
        node: name,
        containerID: container,
        pod,
        endpoint: "eth0",
        ipNetworks: addresses.map(({ address }) => Prefix.host(address).toString()),
        profiles: ["net"],
        interfaceName: "cali0",
        mac: "02:00:00:00:00:01",
      },
    };
    return encodeStored(asCreated(resource, { uid: randomUid(random), now: clock.now() }));
  }
}

export function handleOf(container: string): string {
  return `net.${container}`;
}
