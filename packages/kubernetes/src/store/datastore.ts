import type {
  Abilities,
  Datastore,
  KeyValue,
  ListOptions,
  ListResult,
  Revision,
  Watch,
  WatchOptions,
  WriteOptions,
} from "@ocicat/datastore";
import { systemClock, systemRandom } from "@ocicat/datastore/etcd";
import {
  checkKey,
  checkList,
  checkRevision,
  checkSize,
  checkWatch,
  checkWrite,
  closed,
  unsupported,
} from "@ocicat/datastore/shared";
import { silentLogger } from "@ocicat/kit";
import { ApiClient, type ApiObject, type ApiOptions } from "../api/index.ts";
import type { ApiGroup } from "../config/index.ts";
import { type CoreOptions, NAMESPACES } from "./core.ts";
import { makeFamilies } from "./families.ts";
import { Lists } from "./lists.ts";
import type { StoreParts } from "./parts.ts";
import { RowReader } from "./rows.ts";
import { labelAffinities } from "./unlabelled.ts";
import { Watches } from "./watches.ts";
import { Writes } from "./writes.ts";

export interface KubernetesOptions extends ApiOptions, CoreOptions {
  readonly apiGroup?: ApiGroup | undefined;
}

/**
 * A cluster's API as a datastore: one key at a time, no leases. A key's revision is its object's version. What Kubernetes
 * cannot tell (how often a key was written, and when first) is 0n.
 */
export class KubernetesDatastore implements Datastore {
  readonly abilities: Abilities = { transactions: false, leases: false, versions: false };
  readonly #client: ApiClient;
  readonly #parts: StoreParts;
  readonly #writes: Writes;
  readonly #lists: Lists;
  readonly #watches: Watches;
  #isClosed = false;

  constructor(options: KubernetesOptions) {
    const { apiGroup = "crd.projectcalico.org/v1", interfacePrefix, usePodCidr, ...api } = options;
    const { clock = systemClock, random = systemRandom, logger = silentLogger } = api;
    const client = new ApiClient(api);
    const families = makeFamilies(apiGroup, { interfacePrefix, usePodCidr });
    const parts = { client, families, rows: new RowReader(logger) };
    this.#client = client;
    this.#parts = parts;
    this.#writes = new Writes({ ...parts, random });
    this.#lists = new Lists(parts);
    this.#watches = new Watches({ ...parts, lists: this.#lists, clock, random });
  }

  /** The API itself, for what has no place in a store: leases, and what operators make. */
  get api(): ApiClient {
    return this.#client;
  }

  get connected(): boolean {
    return this.#client.connected;
  }

  /** To be told when an address of this host is gone: a connection made from it hears nothing more. */
  localAddressGone(address: string): void {
    this.#client.localAddressGone(address);
  }

  /** The object that a key's row is made from, with the row: what the object says besides. */
  async objectOf(key: string): Promise<{ readonly object: ApiObject; readonly item: KeyValue } | undefined> {
    this.#checkOpen();
    checkKey(key);
    const found = await this.#writes.find(key);
    return found?.item === undefined || found.isGone ? undefined : { object: found.object, item: found.item };
  }

  /** Finds a node's affinities that have no labels, from before there were some, and gives them theirs; how many. */
  async labelAffinities(node: string): Promise<number> {
    this.#checkOpen();
    return await labelAffinities(this.#parts, this.#writes, node);
  }

  /** A namespace as it is, with what its profile does not have; undefined: there is none. */
  async namespace(name: string): Promise<ApiObject | undefined> {
    this.#checkOpen();
    return await this.#writes.object(NAMESPACES, { namespace: undefined, name });
  }

  async get(key: string, revision?: Revision): Promise<KeyValue | undefined> {
    this.#checkOpen();
    checkKey(key);
    checkRevision(revision);
    if (revision === undefined) return await this.#writes.get(key);
    const { items } = await this.#lists.list(key, { revision });
    return items.find((item) => item.key === key);
  }

  async list(prefix: string, options?: ListOptions): Promise<ListResult> {
    this.#checkOpen();
    checkList(prefix, options);
    return await this.#lists.list(prefix, options);
  }

  async create(key: string, value: string, options?: WriteOptions): Promise<KeyValue> {
    this.#checkWrite(key, value, options);
    return await this.#writes.create(key, value);
  }

  async update(key: string, value: string, revision: Revision, options?: WriteOptions): Promise<KeyValue> {
    this.#checkWrite(key, value, options);
    return await this.#writes.update(key, value, revision);
  }

  async put(key: string, value: string, options?: WriteOptions): Promise<KeyValue> {
    this.#checkWrite(key, value, options);
    return await this.#writes.put(key, value);
  }

  async delete(key: string, revision?: Revision): Promise<KeyValue> {
    this.#checkOpen();
    checkKey(key);
    return await this.#writes.delete(key, revision);
  }

  async commit(): Promise<never> {
    throw unsupported("transactions");
  }

  watch(prefix: string, options: WatchOptions): Watch {
    this.#checkOpen();
    checkWatch(prefix, options);
    return this.#watches.watch(prefix, options);
  }

  async grantLease(): Promise<never> {
    throw unsupported("leases");
  }

  async keepLeaseAlive(): Promise<never> {
    throw unsupported("leases");
  }

  async revokeLease(): Promise<never> {
    throw unsupported("leases");
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#watches.close();
    await this.#client.close(closed());
  }

  #checkWrite(key: string, value: string, options: WriteOptions | undefined): void {
    this.#checkOpen();
    checkWrite(key, value, options);
    checkSize([key, value]);
    if (options?.lease !== undefined && options.lease !== 0n) throw unsupported("leases");
  }

  #checkOpen(): void {
    if (this.#isClosed) throw closed();
  }
}
