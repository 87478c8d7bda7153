import { create, type MessageShape } from "@bufbuild/protobuf";
import {
  GrpcCode,
  GrpcError,
  type GrpcRouter,
  type ServerCall,
  type ServerReceiver,
  Watch,
  type WatchRequestSchema,
  WatchResponseSchema,
} from "@ocicat/datastore/serving";
import type { Clock, Logger } from "@ocicat/kit";
import type { Cache } from "../cache/cache.ts";
import type { Stream } from "../cache/stream.ts";
import type { Counters } from "./counters.ts";
import { Distributor, type Reader } from "./distributor.ts";
import type { Identity } from "./identity.ts";
import { severalOrders } from "./kv.ts";
import { isBelow, rangeOf } from "./range.ts";

export interface WatchServiceOptions {
  readonly cache: Cache;
  readonly identity: Identity;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a client may read nothing while there is something for it, in milliseconds. */
  readonly patienceMs: number;
}

type Request = MessageShape<typeof WatchRequestSchema>;
type Creation = Extract<Request["requestUnion"], { readonly case: "createRequest" }>["value"];

/** Everything that watches: clients, and what they share. */
export class WatchService {
  readonly options: WatchServiceOptions;
  readonly #clients = new Set<Client>();
  readonly #distributors = new Map<Stream, Distributor>();

  constructor(options: WatchServiceOptions) {
    this.options = options;
  }

  serve(router: GrpcRouter): void {
    router.stream(Watch.method.watch, (call) => {
      const client: Client = new Client(call, this, () => {
        this.#clients.delete(client);
        this.options.counters.clients -= 1;
      });
      this.#clients.add(client);
      this.options.counters.clients += 1;
      return client;
    });
  }

  distributor(stream: Stream): Distributor {
    const { identity, counters, clock } = this.options;
    const known = this.#distributors.get(stream) ?? new Distributor(stream, identity, counters, clock);
    this.#distributors.set(stream, known);
    return known;
  }

  /** Ends the calls of clients that have read nothing for too long. */
  evict(): void {
    const { clock, patienceMs, logger, counters } = this.options;
    for (const client of this.#clients) {
      if (client.stuckSince === undefined || clock.monotonic() - client.stuckSince < patienceMs) continue;
      counters.evicted += 1;
      logger.warning("a client read nothing for too long, and is sent away", { seconds: patienceMs / 1000 });
      client.abort("the client reads too slowly");
    }
  }

  end(): void {
    for (const client of this.#clients) client.end(new GrpcError(GrpcCode.UNAVAILABLE, "the fan-out ends"));
  }
}

interface Watching {
  readonly reader: Reader;
  readonly distributor: Distributor;
}

/** One client's call, with all its watches. */
class Client implements ServerReceiver<typeof WatchRequestSchema> {
  readonly #call: ServerCall<typeof WatchResponseSchema>;
  readonly #service: WatchService;
  readonly #onClosed: () => void;
  readonly #watches = new Map<bigint, Watching>();
  #nextId = 0n;
  #isOver = false;
  /** Since when it has not read; undefined: it has. */
  stuckSince: number | undefined;

  constructor(call: ServerCall<typeof WatchResponseSchema>, service: WatchService, onClosed: () => void) {
    this.#call = call;
    this.#service = service;
    this.#onClosed = onClosed;
  }

  end(error: GrpcError): void {
    this.#call.end(error);
  }

  abort(why: string): void {
    this.#call.abort(why);
  }

  message({ requestUnion: request }: Request): void {
    if (request.case === "createRequest") void this.#create(request.value);
    else if (request.case === "cancelRequest") this.#cancel(request.value.watchId);
    else if (request.case === "progressRequest") this.#answer({ watchId: -1n });
  }

  halfClosed(): void {
    this.#call.end();
  }

  drained(): void {
    this.stuckSince = undefined;
    for (const { reader, distributor } of this.#watches.values()) distributor.deliver(reader);
  }

  closed(): void {
    this.#isOver = true;
    for (const id of this.#watches.keys()) this.#forget(id);
    this.#onClosed();
  }

  async #create({ key, rangeEnd, watchId, startRevision }: Creation): Promise<void> {
    const { cache } = this.#service.options;
    const range = rangeOf(key, rangeEnd);
    const stream = cache.streamOf(range.key);
    const id = watchId === 0n ? this.#freeId() : watchId;
    if (stream === undefined || !isBelow(range, stream.prefix) || this.#watches.has(id)) {
      const cancelReason = this.#watches.has(id)
        ? "mvcc: duplicate watch ID provided on the WatchStream"
        : severalOrders(range).message;
      this.#answer({ watchId: id, created: true, canceled: true, cancelReason });
      return;
    }
    await stream.filled;
    if (this.#isOver) return;
    const from = startRevision > 0n ? startRevision : stream.revision + 1n;
    // The highest it has told of anything: a member that tells less than before would be taken for another store.
    this.#answer({ watchId: id, created: true }, from > cache.revision ? from : cache.revision);
    const place = stream.history.placeOf(from);
    if (place === undefined) {
      this.#lost(id, stream.history.floor);
      return;
    }
    const reader: Reader = {
      id,
      range,
      place,
      isReady: () => this.stuckSince === undefined,
      send: (frame) => this.#sent(this.#call.sendFrame(frame)),
      lost: (floor) => {
        this.#forget(id);
        this.#lost(id, floor);
      },
    };
    const distributor = this.#service.distributor(stream);
    this.#watches.set(id, { reader, distributor });
    this.#service.options.counters.watches += 1;
    distributor.add(reader);
  }

  #cancel(id: bigint): void {
    if (!this.#watches.has(id)) return;
    this.#forget(id);
    this.#answer({ watchId: id, canceled: true });
  }

  #lost(id: bigint, floor: bigint): void {
    this.#service.options.counters.fellBehind += 1;
    const cancelReason = "etcdserver: mvcc: required revision has been compacted";
    this.#answer({ watchId: id, canceled: true, compactRevision: floor, cancelReason });
  }

  #forget(id: bigint): void {
    const watching = this.#watches.get(id);
    if (watching === undefined) return;
    this.#watches.delete(id);
    this.#service.options.counters.watches -= 1;
    watching.distributor.remove(watching.reader);
  }

  #freeId(): bigint {
    while (this.#watches.has(this.#nextId)) this.#nextId += 1n;
    return this.#nextId++;
  }

  #answer(
    answer: Partial<Omit<MessageShape<typeof WatchResponseSchema>, "$typeName" | "header">>,
    revision = 0n,
  ): void {
    const header = this.#service.options.identity.headerAt(revision);
    this.#sent(this.#call.send(create(WatchResponseSchema, { ...answer, header })));
  }

  #sent(goesOn: boolean): void {
    if (!goesOn) this.stuckSince ??= this.#service.options.clock.monotonic();
  }
}
