import { create } from "@bufbuild/protobuf";
import { GrpcError, type GrpcRouter, type ServerCall, type ServerReceiver } from "../../grpc/index.ts";
import { type Event, Event_EventType, EventSchema } from "../../proto/kv_pb.ts";
import {
  Watch,
  type WatchCreateRequest,
  WatchCreateRequest_FilterType,
  type WatchRequestSchema,
  type WatchResponse,
  WatchResponseSchema,
} from "../../proto/rpc_pb.ts";
import { keyValueOf } from "../apply/messages.ts";
import { etcdError } from "../errors.ts";
import { MAX_REQUEST_BYTES } from "../limits.ts";
import { isDeletion } from "../storage/entry.ts";
import { type KeyRange, keyRange, rangeIsEmpty } from "../storage/key-range.ts";
import type { WatchEvent, Watcher, WatchSink } from "../watch/watcher.ts";
import type { Services } from "./services.ts";

/** Bytes of events on the way to one client that reads slowly, before its watches fall behind. */
const MAX_UNREAD_BYTES = 1024 * 1024;

/** The watch id of answers that concern the whole stream, or no watch. */
const NO_WATCH = -1n;

/** Reasons of a watch that is canceled as soon as created, in etcd's words. */
const EMPTY_RANGE = "mvcc: watcher range is empty";
const DUPLICATE_ID = "mvcc: duplicate watch ID provided on the WatchStream";

const DENIED = etcdError("permissionDenied").message;

const LOWEST_KEY = new Uint8Array([0]);

export function serveWatch(router: GrpcRouter, services: Services): () => void {
  const streams = new Set<WatchStream>();
  router.stream(Watch.method.watch, (call) => {
    const stream: WatchStream = new WatchStream(call, services, () => streams.delete(stream));
    streams.add(stream);
    return stream;
  });
  return () => {
    for (const stream of streams) stream.end();
  };
}

interface Open {
  readonly id: bigint;
  readonly watcher: Watcher;
  /** Events of one revision may be sent in several answers. */
  readonly fragment: boolean;
}

/** One client's stream of watches. */
class WatchStream implements ServerReceiver<typeof WatchRequestSchema>, WatchSink {
  readonly #call: ServerCall<typeof WatchResponseSchema>;
  readonly #services: Services;
  readonly #onClosed: () => void;
  readonly #byId = new Map<bigint, Open>();
  readonly #byWatcher = new Map<Watcher, Open>();
  #nextId = 0n;
  #congested = false;
  #unreadBytes = 0;
  #progressAsked = false;

  constructor(call: ServerCall<typeof WatchResponseSchema>, services: Services, onClosed: () => void) {
    this.#call = call;
    this.#services = services;
    this.#onClosed = onClosed;
  }

  end(): void {
    this.#call.end(etcdError("stopped"));
  }

  // ---- from the client ----

  message({ requestUnion: request }: Parameters<ServerReceiver<typeof WatchRequestSchema>["message"]>[0]): void {
    switch (request.case) {
      case "createRequest":
        this.#create(request.value);
        break;
      case "cancelRequest":
        this.#cancel(request.value.watchId);
        break;
      case "progressRequest":
        this.#progressAsked = true;
        this.#answerProgress();
        break;
      case undefined:
        // A request of a kind we do not know: etcd ignores it too.
        break;
    }
  }

  halfClosed(): void {
    this.#call.end();
  }

  drained(): void {
    this.#congested = false;
    this.#unreadBytes = 0;
    this.#services.watches.resume();
  }

  closed(): void {
    for (const { watcher } of this.#byId.values()) this.#services.watches.cancel(watcher);
    this.#byId.clear();
    this.#byWatcher.clear();
    this.#onClosed();
  }

  // ---- from the hub ----

  get ready(): boolean {
    return this.#unreadBytes < MAX_UNREAD_BYTES;
  }

  events(watcher: Watcher, events: readonly WatchEvent[], revision: number): void {
    const open = this.#byWatcher.get(watcher);
    if (open === undefined) return;
    const pieces = open.fragment ? fragments(events) : [events];
    for (const [index, piece] of pieces.entries()) {
      const fragment = index < pieces.length - 1;
      this.#send(revision, { watchId: open.id, events: piece.map(eventOf), fragment }, bytesOf(piece));
    }
  }

  progress(watcher: Watcher, revision: number): void {
    const open = this.#byWatcher.get(watcher);
    if (open !== undefined) this.#send(revision, { watchId: open.id });
  }

  caughtUp(): void {
    this.#answerProgress();
  }

  compacted(watcher: Watcher, compactRevision: number): void {
    const open = this.#byWatcher.get(watcher);
    if (open === undefined) return;
    this.#forget(open);
    this.#send(this.#services.commits.durableRevision, {
      watchId: open.id,
      canceled: true,
      compactRevision: BigInt(compactRevision),
      cancelReason: etcdError("compacted").message,
    });
  }

  // ---- the steps ----

  #create(request: WatchCreateRequest): void {
    const { watches, commits } = this.#services;
    const range = keyRange(request.key.length === 0 ? LOWEST_KEY : request.key, request.rangeEnd);
    const denial = this.#denial(range);
    if (denial !== undefined) {
      const { watchId } = request;
      this.#send(commits.durableRevision, { watchId, created: true, canceled: true, cancelReason: denial });
      return;
    }
    const duplicate = request.watchId !== 0n && this.#byId.has(request.watchId);
    const refusal = rangeIsEmpty(range) ? EMPTY_RANGE : duplicate ? DUPLICATE_ID : undefined;
    if (refusal !== undefined) {
      this.#send(commits.durableRevision, { watchId: NO_WATCH, created: true, canceled: true, cancelReason: refusal });
      return;
    }
    const id = request.watchId === 0n ? this.#freeId() : request.watchId;
    const spec = {
      range,
      puts: !request.filters.includes(WatchCreateRequest_FilterType.NOPUT),
      deletes: !request.filters.includes(WatchCreateRequest_FilterType.NODELETE),
      previous: request.prevKv,
      progress: request.progressNotify,
    };
    // Told before the watch is begun: its events come after.
    this.#send(commits.durableRevision, { watchId: id, created: true });
    const from = request.startRevision > 0n ? Number(request.startRevision) : undefined;
    const open = { id, watcher: watches.watch(spec, this, from), fragment: request.fragment };
    this.#byId.set(id, open);
    this.#byWatcher.set(open.watcher, open);
  }

  /** Why the caller may not watch this, if so. What was begun with the right to it goes on without it, as in etcd. */
  #denial(range: KeyRange): string | undefined {
    try {
      this.#services.gate.caller(this.#call.headers).mayRead(range);
      return undefined;
    } catch (error) {
      // In etcd's words, whatever the reason: grpc-go's rendering of its status.
      if (error instanceof GrpcError) return `rpc error: code = PermissionDenied desc = ${DENIED}`;
      throw error;
    }
  }

  #cancel(id: bigint): void {
    const open = this.#byId.get(id);
    if (open === undefined) return;
    this.#services.watches.cancel(open.watcher);
    this.#forget(open);
    this.#send(this.#services.commits.durableRevision, { watchId: id, canceled: true });
  }

  /** One answer for the stream, when all its watches are complete up to the revision it tells. */
  #answerProgress(): void {
    if (!this.#progressAsked || [...this.#byWatcher.keys()].some((watcher) => watcher.state === "behind")) return;
    this.#progressAsked = false;
    this.#send(this.#services.commits.durableRevision, { watchId: NO_WATCH });
  }

  #freeId(): bigint {
    while (this.#byId.has(this.#nextId)) this.#nextId += 1n;
    return this.#nextId++;
  }

  #forget(open: Open): void {
    this.#byId.delete(open.id);
    this.#byWatcher.delete(open.watcher);
  }

  #send(revision: number, answer: Partial<Omit<WatchResponse, "$typeName" | "header">>, bytes = 0): void {
    const header = this.#services.identity.headerAt(revision);
    if (!this.#call.send(create(WatchResponseSchema, { ...answer, header }))) this.#congested = true;
    if (this.#congested) this.#unreadBytes += bytes;
  }
}

function eventOf({ entry, previous }: WatchEvent): Event {
  const type = isDeletion(entry) ? Event_EventType.DELETE : Event_EventType.PUT;
  const event = create(EventSchema, { type, kv: keyValueOf(entry) });
  if (previous !== undefined) event.prevKv = keyValueOf(previous);
  return event;
}

function bytesOf(events: readonly WatchEvent[]): number {
  let bytes = 0;
  for (const { entry, previous } of events) {
    bytes += entry.key.length + entry.value.length + (previous?.value.length ?? 0);
  }
  return bytes;
}

/** Pieces that stay below what a client's gRPC library may take at once, each with one event at least. */
function fragments(events: readonly WatchEvent[]): WatchEvent[][] {
  const pieces: WatchEvent[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const event of events) {
    const size = bytesOf([event]);
    const piece = pieces.at(-1);
    if (piece !== undefined && bytes + size <= MAX_REQUEST_BYTES) {
      piece.push(event);
      bytes += size;
    } else {
      pieces.push([event]);
      bytes = size;
    }
  }
  return pieces;
}
