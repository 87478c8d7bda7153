import type { Datastore, KeyValue } from "@ocicat/datastore";

interface Endpoint {
  readonly address: string;
  readonly container: string;
}

/**
 * Follows a store revision by revision, by the JSON alone and no code of ours, and holds it to one thing: an address that an
 * endpoint has is held under the handle of the endpoint's container. IPv4 only.
 */
export class Witness {
  readonly violations: string[] = [];
  /** Revisions seen. */
  revisions = 0;
  readonly #endpoints = new Map<string, Endpoint>();
  /** By address: the endpoint that has it. */
  readonly #byAddress = new Map<string, string>();
  /** By address: its handle. */
  readonly #holders = new Map<string, string>();
  readonly #blocks = new Map<string, readonly string[]>();
  #stop: () => void = () => {};
  #running: Promise<void> = Promise.resolve();

  async start(store: Datastore): Promise<void> {
    const { revision } = await store.list("/calico/");
    const watch = store.watch("/calico/", { from: revision + 1n });
    this.#stop = () => watch.close();
    this.#running = (async () => {
      for await (const { events } of watch) {
        this.revisions += 1;
        // Endpoints written, and addresses that somebody else holds by now, or nobody.
        const touched = new Set<string>();
        for (const event of events) this.#take(event.type === "put" ? event.item : event.key, touched);
        for (const key of touched) this.#check(key);
      }
    })();
  }

  async stop(): Promise<void> {
    this.#stop();
    await this.#running;
  }

  get endpoints(): number {
    return this.#endpoints.size;
  }

  #take(row: KeyValue | string, touched: Set<string>): void {
    const key = typeof row === "string" ? row : row.key;
    const value = typeof row === "string" ? undefined : row.value;
    if (key.includes("/workloadendpoints/")) {
      const before = this.#endpoints.get(key);
      if (before !== undefined && this.#byAddress.get(before.address) === key) this.#byAddress.delete(before.address);
      if (value === undefined) this.#endpoints.delete(key);
      else {
        const { spec } = JSON.parse(value) as { spec: { containerID: string; ipNetworks: string[] } };
        const address = spec.ipNetworks[0]?.split("/")[0] ?? "";
        this.#endpoints.set(key, { address, container: spec.containerID });
        this.#byAddress.set(address, key);
      }
      touched.add(key);
    }
    if (key.includes("/assignment/ipv4/block/")) {
      const before = new Map((this.#blocks.get(key) ?? []).map((address) => [address, this.#holders.get(address)]));
      for (const address of before.keys()) this.#holders.delete(address);
      this.#blocks.delete(key);
      if (value !== undefined) this.#takeBlock(key, value);
      for (const [address, holder] of before) {
        const endpoint = this.#byAddress.get(address);
        if (endpoint !== undefined && this.#holders.get(address) !== holder) touched.add(endpoint);
      }
    }
  }

  #takeBlock(key: string, value: string): void {
    const block = JSON.parse(value) as StoredBlock;
    const [a = 0, b = 0, c = 0, d = 0] = (block.cidr.split("/")[0] ?? "").split(".").map(Number);
    const held: string[] = [];
    for (const [ordinal, index] of block.allocations.entries()) {
      const handle = index === null ? undefined : block.attributes?.[index]?.handle_id;
      if (handle === undefined) continue;
      const address = `${a}.${b}.${c}.${d + ordinal}`;
      held.push(address);
      this.#holders.set(address, handle);
    }
    this.#blocks.set(key, held);
  }

  #check(key: string): void {
    const endpoint = this.#endpoints.get(key);
    if (endpoint === undefined) return;
    const holder = this.#holders.get(endpoint.address);
    if (holder === `net.${endpoint.container}`) return;
    this.violations.push(`${key} has ${endpoint.address}, which is held by ${holder ?? "nobody"}`);
  }
}

interface StoredBlock {
  readonly cidr: string;
  readonly allocations: readonly (number | null)[];
  readonly attributes: readonly { readonly handle_id?: string }[] | null;
}
