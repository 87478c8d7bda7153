import {
  create,
  type DescMessage,
  type DescMethodStreaming,
  type DescMethodUnary,
  type MessageShape,
} from "@bufbuild/protobuf";
import type {
  Abilities,
  Compare,
  Datastore,
  KeyValue,
  ListOptions,
  ListResult,
  Revision,
  Transaction,
  TransactionResult,
  Watch,
  WatchOptions,
  WriteOptions,
} from "../datastore.ts";
import { DatastoreError } from "../errors.ts";
import type { Connection } from "../http2/index.ts";
import type { KeyValue as WireKeyValue } from "../proto/kv_pb.ts";
import {
  CompactionRequestSchema,
  DeleteRangeRequestSchema,
  KV,
  Lease,
  LeaseGrantRequestSchema,
  LeaseKeepAliveRequestSchema,
  LeaseRevokeRequestSchema,
  PutRequestSchema,
  RangeRequestSchema,
  type ResponseHeader,
  type ResponseOp,
} from "../proto/rpc_pb.ts";
import { alreadyExists, closed, conflict, leaseNotFound, notFound } from "../shared/failures.ts";
import {
  checkKey,
  checkLeaseSeconds,
  checkList,
  checkRevision,
  checkTransaction,
  checkWatch,
  checkWrite,
} from "../shared/validate.ts";
import { Calls } from "./calls.ts";
import { decodeKeyValue, deleteOp, encodeOperation, encodeText, listRequest, putOp, txnRequest } from "./codec.ts";
import { connectTo } from "./dial.ts";
import { type EtcdOptions, settingsFrom } from "./options.ts";
import { type Origin, originOf } from "./origin.ts";
import { anonymous, Login, type TokenSource } from "./tokens.ts";
import { Watches } from "./watches.ts";

/** Items of one answer at most: a longer list comes in pages, so that no turn of the event loop decodes all of it. */
const PAGE = 1_000;

/** A list whose revision is compacted between two pages is begun again, this many times. */
const LIST_ATTEMPTS = 3;

/** A datastore on an etcd v3 server, or on anything that speaks its gRPC API. */
export class EtcdDatastore implements Datastore {
  readonly abilities: Abilities = { transactions: true, leases: true, versions: true };
  readonly #connection: Connection;
  readonly #calls: Calls;
  readonly #tokens: TokenSource;
  readonly #watches: Watches;
  #closed = false;
  /** Who has answered the last list. */
  #origin: Origin | undefined;

  constructor(options: EtcdOptions) {
    const settings = settingsFrom(options);
    this.#connection = connectTo(settings);
    this.#calls = new Calls(settings, this.#connection);
    this.#tokens = settings.credentials === undefined ? anonymous : new Login(this.#calls, settings.credentials);
    this.#watches = new Watches(settings, this.#connection, this.#tokens);
  }

  /**
   * To be told when an address of this host is gone. A connection made from it hears nothing more and is not closed; its
   * keep-alive would notice in seconds, and this at once.
   */
  localAddressGone(address: string): void {
    this.#connection.localAddressGone(address);
  }

  /** True while there is a session with a server. Calls wait for one; this is for telling people. */
  get connected(): boolean {
    return this.#connection.session !== undefined;
  }

  async get(key: string, revision?: Revision): Promise<KeyValue | undefined> {
    checkKey(key);
    checkRevision(revision);
    const message = create(RangeRequestSchema, { key: encodeText(key), revision: revision ?? 0n });
    const { kvs } = await this.#read(KV.method.range, message, `get ${key}`);
    return decodeFirst(kvs);
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ListResult> {
    checkList(prefix, options);
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#listPages(prefix, options);
      } catch (error) {
        const mayBeginAgain = options.revision === undefined && attempt < LIST_ATTEMPTS;
        if (!(mayBeginAgain && error instanceof DatastoreError && error.code === "COMPACTED")) throw error;
      }
    }
  }

  async create(key: string, value: string, options?: WriteOptions): Promise<KeyValue> {
    checkWrite(key, value, options);
    const put = putOp({ key: encodeText(key), value: encodeText(value), lease: options?.lease ?? 0n });
    const answer = await this.#swap({ key, exists: false }, put, `create ${key}`);
    if (!answer.swapped) throw alreadyExists(key, answer.current);
    return written(key, value, options, answer.revision, undefined);
  }

  async update(key: string, value: string, revision: Revision, options?: WriteOptions): Promise<KeyValue> {
    checkWrite(key, value, options);
    const lease = options?.lease ?? 0n;
    const put = putOp({ key: encodeText(key), value: encodeText(value), lease, prevKv: true });
    // A revision below 1 is no key's; 0 would be that of every key that does not exist.
    if (revision < 1n) throw notOrConflict(key, revision, await this.get(key));
    const answer = await this.#swap({ key, modRevision: revision }, put, `update ${key}`);
    if (!answer.swapped) throw notOrConflict(key, revision, answer.current);
    const previous = answer.response?.case === "responsePut" ? answer.response.value.prevKv : undefined;
    return written(key, value, options, answer.revision, previous);
  }

  async put(key: string, value: string, options?: WriteOptions): Promise<KeyValue> {
    checkWrite(key, value, options);
    const lease = options?.lease ?? 0n;
    const message = create(PutRequestSchema, { key: encodeText(key), value: encodeText(value), lease, prevKv: true });
    const { header, prevKv } = await this.#write(KV.method.put, message, `put ${key}`);
    return written(key, value, options, revisionOf(header), prevKv);
  }

  async delete(key: string, revision?: Revision): Promise<KeyValue> {
    checkKey(key);
    const request = { key: encodeText(key), prevKv: true };
    if (revision === undefined) {
      const message = create(DeleteRangeRequestSchema, request);
      const { prevKvs } = await this.#write(KV.method.deleteRange, message, `delete ${key}`);
      return decodeFirst(prevKvs) ?? raise(notFound(key));
    }
    if (revision < 1n) throw notOrConflict(key, revision, await this.get(key));
    const answer = await this.#swap({ key, modRevision: revision }, deleteOp(request), `delete ${key}`);
    if (!answer.swapped) throw notOrConflict(key, revision, answer.current);
    const previous = answer.response?.case === "responseDeleteRange" ? answer.response.value.prevKvs : [];
    return decodeFirst(previous) ?? raise(notFound(key));
  }

  async commit(transaction: Transaction): Promise<TransactionResult> {
    checkTransaction(transaction);
    const message = txnRequest(transaction.compares, transaction.operations.map(encodeOperation));
    const { header, succeeded, responses } = await this.#write(KV.method.txn, message, describe(transaction));
    const revision = revisionOf(header);
    return succeeded ? { committed: true, revision } : { committed: false, revision, current: responses.map(found) };
  }

  watch(prefix: string, options: WatchOptions): Watch {
    if (this.#closed) throw closed();
    checkWatch(prefix, options);
    return this.#watches.add(prefix, options, this.#origin);
  }

  async grantLease(ttlSeconds: number): Promise<bigint> {
    checkLeaseSeconds(ttlSeconds);
    const message = create(LeaseGrantRequestSchema, { TTL: BigInt(ttlSeconds) });
    // May be repeated like a read: a lease whose id nobody knows expires by itself.
    const { ID, error } = await this.#read(Lease.method.leaseGrant, message, "grant a lease");
    if (error !== "") throw new DatastoreError("INTERNAL", "grant a lease failed", { why: error });
    return ID;
  }

  async keepLeaseAlive(lease: bigint): Promise<number> {
    const message = create(LeaseKeepAliveRequestSchema, { ID: lease });
    const { TTL } = await this.#read(Lease.method.leaseKeepAlive, message, `keep lease ${lease.toString(16)} alive`);
    if (TTL <= 0n) throw leaseNotFound(lease);
    return Number(TTL);
  }

  async revokeLease(lease: bigint): Promise<void> {
    const message = create(LeaseRevokeRequestSchema, { ID: lease });
    await this.#write(Lease.method.leaseRevoke, message, `revoke lease ${lease.toString(16)}`);
  }

  /**
   * Forgets the history before `revision`: reads below it and watches up to it then throw COMPACTED. Throws COMPACTED
   * if that has been done already, FUTURE_REVISION if the store is not there yet.
   */
  async compact(revision: Revision): Promise<void> {
    checkRevision(revision);
    const message = create(CompactionRequestSchema, { revision });
    await this.#write(KV.method.compact, message, `compact to revision ${revision}`);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watches.close();
    this.#calls.close();
    await this.#connection.close();
  }

  async #listPages(prefix: string, options: ListOptions): Promise<ListResult> {
    const items: KeyValue[] = [];
    const limit = options.limit ?? Number.POSITIVE_INFINITY;
    let { revision, after } = options;
    for (;;) {
      const page: { limit: number; revision?: Revision; after?: string } = {
        limit: Math.min(PAGE, limit - items.length),
      };
      if (revision !== undefined) page.revision = revision;
      if (after !== undefined) page.after = after;
      const { header, kvs, more } = await this.#read(KV.method.range, listRequest(prefix, page), `list ${prefix}`);
      for (const kv of kvs) items.push(decodeKeyValue(kv));
      revision ??= revisionOf(header);
      this.#origin = originOf(header);
      after = items.at(-1)?.key;
      if (!more || kvs.length === 0 || items.length >= limit) return { items, revision, more };
    }
  }

  /** One write under one compare. */
  async #swap(compare: Compare, operation: Parameters<typeof txnRequest>[1][number], what: string): Promise<Swap> {
    const message = txnRequest([compare], [operation]);
    const { header, succeeded, responses } = await this.#write(KV.method.txn, message, what);
    const [first] = responses;
    const revision = revisionOf(header);
    if (succeeded) return { swapped: true, revision, response: first?.response };
    return { swapped: false, current: first === undefined ? undefined : found(first) };
  }

  #read<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O> | DescMethodStreaming<I, O>,
    message: MessageShape<I>,
    what: string,
  ): Promise<MessageShape<O>> {
    return this.#calls.call({ method, message, what, kind: "read" }, this.#tokens);
  }

  #write<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    message: MessageShape<I>,
    what: string,
  ): Promise<MessageShape<O>> {
    return this.#calls.call({ method, message, what, kind: "write" }, this.#tokens);
  }
}

type Swap =
  | { readonly swapped: true; readonly revision: Revision; readonly response: ResponseOp["response"] | undefined }
  | { readonly swapped: false; readonly current: KeyValue | undefined };

/** The key as a put left it: what it was before tells its creation and version. */
function written(
  key: string,
  value: string,
  options: WriteOptions | undefined,
  revision: Revision,
  previous: WireKeyValue | undefined,
): KeyValue {
  return {
    key,
    value,
    modRevision: revision,
    createRevision: previous?.createRevision ?? revision,
    version: (previous?.version ?? 0n) + 1n,
    lease: options?.lease ?? 0n,
  };
}

function revisionOf(header: ResponseHeader | undefined): Revision {
  if (header !== undefined) return header.revision;
  throw new DatastoreError("INTERNAL", "the server's answer has no header, and so no revision");
}

function decodeFirst(kvs: readonly WireKeyValue[]): KeyValue | undefined {
  const [first] = kvs;
  return first === undefined ? undefined : decodeKeyValue(first);
}

/** What the range operation of a failed transaction found. */
function found({ response }: ResponseOp): KeyValue | undefined {
  return response.case === "responseRange" ? decodeFirst(response.value.kvs) : undefined;
}

function notOrConflict(key: string, expected: Revision, current: KeyValue | undefined): DatastoreError {
  return current === undefined ? notFound(key) : conflict(key, expected, current);
}

function describe({ operations }: Transaction): string {
  const [first] = operations;
  if (first === undefined) return "commit of nothing";
  const key = "put" in first ? first.put : first.delete;
  return operations.length === 1 ? `commit of ${key}` : `commit of ${key} and ${operations.length - 1} more`;
}

function raise(error: Error): never {
  throw error;
}
