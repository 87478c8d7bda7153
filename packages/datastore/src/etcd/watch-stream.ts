import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import type { Revision } from "../datastore.ts";
import { type ClientCall, callStream, GrpcCode, GrpcError } from "../grpc/index.ts";
import type { ClientSession } from "../http2/index.ts";
import type { Event } from "../proto/kv_pb.ts";
import { Watch, type WatchCreateRequestSchema, WatchRequestSchema, type WatchResponse } from "../proto/rpc_pb.ts";
import { type Origin, originOf } from "./origin.ts";
import { MAX_ANSWER_BYTES } from "./pending-call.ts";
import type { Metadata } from "./tokens.ts";

/** What a stream tells about the watches on it. */
export interface WatchStreamEvents<W> {
  /** The server has taken it; `origin` is who that is, undefined where it does not say. */
  created(watcher: W, origin: Origin | undefined): void;
  /** Whole revisions, in order. */
  events(watcher: W, events: readonly Event[]): void;
  /** Everything up to this revision has been told. */
  progress(watcher: W, revision: Revision): void;
  canceled(watcher: W, response: WatchResponse): void;
  /** The stream is over, with all its watches. Called once, and nothing after it. */
  closed(error: GrpcError | undefined): void;
}

/** One gRPC stream with many watches on it, told apart by ids that this side chooses and never uses twice. */
export class WatchStream<W extends object> {
  readonly metadata: Metadata;
  readonly #call: ClientCall<typeof WatchRequestSchema>;
  readonly #told: WatchStreamEvents<W>;
  readonly #watchers = new Map<bigint, W>();
  readonly #ids = new Map<W, bigint>();
  /** Ids whose creation is not yet confirmed, in the order of the requests, which is that of the answers. */
  #unconfirmed: bigint[] = [];
  readonly #fragments = new Map<bigint, Event[]>();
  #lastId = 0n;

  constructor(session: ClientSession, metadata: Metadata, told: WatchStreamEvents<W>) {
    this.metadata = metadata;
    this.#told = told;
    const options = { metadata, maxMessageBytes: MAX_ANSWER_BYTES };
    this.#call = callStream(session, Watch.method.watch, options, {
      message: (response) => this.#take(response),
      closed: (error) => told.closed(error),
    });
  }

  create(watcher: W, request: MessageInitShape<typeof WatchCreateRequestSchema>): void {
    this.#lastId += 1n;
    const watchId = this.#lastId;
    this.#watchers.set(watchId, watcher);
    this.#ids.set(watcher, watchId);
    this.#unconfirmed.push(watchId);
    const value = { ...request, watchId };
    this.#call.send(create(WatchRequestSchema, { requestUnion: { case: "createRequest", value } }));
  }

  /** Nothing is told about the watcher after this. */
  cancel(watcher: W): void {
    const watchId = this.#ids.get(watcher);
    if (watchId === undefined) return;
    this.#forget(watchId, watcher);
    this.#call.send(create(WatchRequestSchema, { requestUnion: { case: "cancelRequest", value: { watchId } } }));
  }

  /** Gives the stream up at once. */
  end(why: string): void {
    this.#call.cancel(new GrpcError(GrpcCode.CANCELLED, why, "local"));
  }

  #take(response: WatchResponse): void {
    const watchId = response.created ? this.#confirm(response.watchId) : response.watchId;
    const watcher = this.#watchers.get(watchId);
    // Cancelled from this side; what was on its way is not wanted any more.
    if (watcher === undefined) return;
    if (response.canceled) {
      this.#forget(watchId, watcher);
      this.#told.canceled(watcher, response);
    } else if (response.created) {
      this.#told.created(watcher, originOf(response.header));
    } else if (response.fragment) {
      this.#keep(watchId, response.events);
    } else {
      this.#tell(watchId, watcher, response);
    }
  }

  #tell(watchId: bigint, watcher: W, response: WatchResponse): void {
    const begun = this.#fragments.get(watchId);
    if (begun !== undefined) {
      this.#keep(watchId, response.events);
      this.#fragments.delete(watchId);
      this.#told.events(watcher, begun);
    } else if (response.events.length > 0) {
      this.#told.events(watcher, response.events);
    } else if (response.header !== undefined) {
      this.#told.progress(watcher, response.header.revision);
    }
  }

  #keep(watchId: bigint, events: readonly Event[]): void {
    const kept = this.#fragments.get(watchId) ?? [];
    for (const event of events) kept.push(event);
    this.#fragments.set(watchId, kept);
  }

  /** The id a creation's answer is about: etcd says -1 where it refuses, so its place in the order has to tell. */
  #confirm(answered: bigint): bigint {
    const watchId = this.#unconfirmed.includes(answered) ? answered : (this.#unconfirmed[0] ?? answered);
    this.#unconfirmed = this.#unconfirmed.filter((id) => id !== watchId);
    return watchId;
  }

  #forget(watchId: bigint, watcher: W): void {
    this.#watchers.delete(watchId);
    this.#ids.delete(watcher);
    this.#fragments.delete(watchId);
  }
}
