import { GrpcCode, GrpcError, GrpcRouter } from "../grpc/index.ts";
import { Gate } from "./auth/gate.ts";
import { Tokens } from "./auth/tokens.ts";
import { GroupCommit } from "./commit/group-commit.ts";
import { Compactor } from "./compaction/compactor.ts";
import { Leases } from "./lease/leases.ts";
import { MAX_REQUEST_BYTES, MESSAGE_OVERHEAD_BYTES } from "./limits.ts";
import { type Endpoint, Listener } from "./listen/listener.ts";
import { ServerCertificate } from "./listen/tls.ts";
import { type ResolvedOptions, resolveOptions, type ServerOptions } from "./options.ts";
import { serveAdmin } from "./rpc/admin.ts";
import { serveAuth } from "./rpc/auth.ts";
import { type Identity, identify } from "./rpc/identity.ts";
import { serveKv } from "./rpc/kv.ts";
import { serveLease } from "./rpc/lease.ts";
import type { Services } from "./rpc/services.ts";
import { serveWatch } from "./rpc/watch.ts";
import { Checkpointer } from "./storage/checkpoint.ts";
import { openDataFile } from "./storage/file.ts";
import { Space } from "./storage/space.ts";
import { Store } from "./storage/store.ts";
import { WatchHub } from "./watch/hub.ts";

/** Milliseconds that calls under way have to end when the server closes. */
const GRACE_MS = 1000;

export interface RunningServer {
  /** Where it listens, in the order asked for, with the ports the kernel chose. */
  readonly endpoints: readonly Endpoint[];
  /** Writes what waits, ends the watches, lets calls end, closes the file. Idempotent. */
  close(): Promise<void>;
}

/**
 * Serves etcd's v3 API from one file. Resolves when it listens everywhere. Throws ServerError, with nothing left open, if
 * the file cannot be served or an address cannot be had.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const resolved = resolveOptions(options);
  const { tls, logger } = resolved;
  const certificate = tls === undefined ? undefined : new ServerCertificate(tls, logger);
  const engine = openEngine(resolved);
  const listeners: Listener[] = [];
  try {
    const listenerOptions = { router: engine.router, logger, certificate };
    for (const address of resolved.listen) listeners.push(await Listener.open(address, listenerOptions));
  } catch (error) {
    await shutDown(engine, listeners, resolved);
    throw error;
  }
  engine.listening(listeners.map((listener) => listener.endpoint));
  let closing: Promise<void> | undefined;
  return {
    endpoints: listeners.map((listener) => listener.endpoint),
    close() {
      closing ??= shutDown(engine, listeners, resolved);
      return closing;
    },
  };
}

interface Engine {
  readonly router: GrpcRouter;
  listening(endpoints: readonly Endpoint[]): void;
  /** Finishes the writes that wait and ends the streams; calls get their answers. */
  stop(): Promise<void>;
  close(): void;
}

/** Everything behind the listeners: a request goes router → rpc → (group commit →) apply → storage, and back. */
function openEngine({ dataFile, clock, logger, ...options }: ResolvedOptions): Engine {
  const { store, identity } = openStore(dataFile);
  const space = new Space({ file: store.file, quotaBytes: options.quotaBytes, clock, logger });
  const checkpointer = new Checkpointer(store.file, clock, logger);
  const wrote = () => {
    space.look();
    checkpointer.wrote();
  };
  const commits = new GroupCommit({
    store,
    logger,
    flush: (done) => store.file.log.flush(done),
    durable({ changes }) {
      watches.publish(changes);
      wrote();
    },
    full: () => space.full(),
    failed: options.onFailure,
  });
  const watches = new WatchHub({
    store,
    clock,
    durableRevision: () => commits.durableRevision,
    progressIntervalMs: options.progressIntervalMs,
  });
  const compactor = new Compactor({
    store,
    commits,
    clock,
    logger,
    policy: options.compaction,
    wrote,
  });
  const leases = new Leases({ store, commits, clock, logger });
  const tokens = new Tokens(clock);
  const gate = new Gate(store.auth.read(), tokens);

  let clientUrls: readonly string[] = [];
  const services: Services = {
    identity,
    store,
    space,
    commits,
    compactor,
    checkpointer,
    leases,
    watches,
    gate,
    tokens,
    clientUrls: () => clientUrls,
  };
  const router = new GrpcRouter({
    maxMessageBytes: MAX_REQUEST_BYTES + MESSAGE_OVERHEAD_BYTES,
    toGrpcError(error) {
      logger.error("a request failed unexpectedly", { error: String(error) });
      return new GrpcError(GrpcCode.INTERNAL, "etcdserver: the request failed inside the server");
    },
  });
  serveKv(router, services);
  const endWatches = serveWatch(router, services);
  const endKeepAlives = serveLease(router, services);
  serveAdmin(router, services);
  serveAuth(router, services);

  return {
    router,
    listening(endpoints) {
      clientUrls = endpoints.map(urlOf);
    },
    async stop() {
      leases.close();
      await commits.stop();
      endWatches();
      endKeepAlives();
      await compactor.close();
    },
    close() {
      watches.close();
      checkpointer.close();
      store.close();
    },
  };
}

function openStore(path: string): { readonly store: Store; readonly identity: Identity } {
  const file = openDataFile(path);
  try {
    const store = new Store(file);
    return { store, identity: identify(store) };
  } catch (error) {
    file.close();
    throw error;
  }
}

async function shutDown(engine: Engine, listeners: readonly Listener[], { clock }: ResolvedOptions): Promise<void> {
  await engine.stop();
  const drained = Promise.all(listeners.map((listener) => listener.drain()));
  const grace = clock.after(GRACE_MS, "close", () => {
    for (const listener of listeners) listener.abort();
  });
  await drained;
  grace.cancel();
  engine.close();
}

function urlOf(endpoint: Endpoint): string {
  if ("path" in endpoint) return `unix://${endpoint.path}`;
  const host = endpoint.host.includes(":") ? `[${endpoint.host}]` : endpoint.host;
  return `${endpoint.tls ? "https" : "http"}://${host}:${endpoint.port}`;
}
