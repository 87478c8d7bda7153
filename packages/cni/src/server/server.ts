import { createServer, type Socket } from "node:net";
import type { Clock, Logger } from "@ocicat/kit";
import { CniCode, CniError } from "../errors.ts";
import type { JsonObject } from "../json-reader.ts";
import { peekVersion } from "../netconf.ts";
import { NEWEST_VERSION } from "../version.ts";
import type { CniBackend } from "./backend.ts";
import { type Operation, plan } from "./dispatch.ts";
import { DEFAULT_SOCKET, listenOn } from "./listen.ts";
import { KeyedQueue } from "./queue.ts";
import { formatAnswer, MAX_REQUEST_BYTES, parseRequest, type WireAnswer, type WireRequest } from "./wire.ts";

export interface CniServerOptions {
  readonly backend: CniBackend;
  readonly logger: Logger;
  readonly clock: Clock;
  /** The node's name, first part of WorkloadEndpoint names. */
  readonly nodeName: string;
  /** Path of the socket; DEFAULT_SOCKET unless told. */
  readonly path?: string;
  /** Operations at once, for different containers; 64 unless told. */
  readonly concurrency?: number;
  /** How long an operation may take before its client is told to try again; 80,000 ms unless told, below the client's own 90 s. */
  readonly answerWithinMs?: number;
  /** How long a client may take to send its request; 30,000 ms unless told. */
  readonly requestWithinMs?: number;
  /** Called once per answered request, for metrics. */
  readonly observe?: (operation: ObservedOperation) => void;
}

export interface ObservedOperation {
  /** CNI_COMMAND, or "?" if the request had none. */
  readonly command: string;
  /** 0, or the CNI code of the error that was answered. */
  readonly cniCode: number;
  readonly milliseconds: number;
}

export interface CniServer {
  readonly path: string;
  /** Stops listening, removes the socket, and waits until what runs has been answered. */
  close(): Promise<void>;
}

/** Serves the thin clients on a Unix socket. Throws OcicatError CNI_SOCKET_IN_USE or CNI_SOCKET_PATH. */
export async function createCniServer(options: CniServerOptions): Promise<CniServer> {
  const path = options.path ?? DEFAULT_SOCKET;
  const handler = new RequestHandler(options);
  const connections = new Set<Socket>();
  const receiving = new Set<Socket>();
  const answering = new Set<Promise<void>>();
  // Half-open: the client closes its side to end the request, and the answer goes back on the other.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
    socket.on("error", (error) => options.logger.debug("A plugin's connection failed", { error: error.message }));
    const answered = serve(socket, handler, options, receiving).finally(() => answering.delete(answered));
    answering.add(answered);
  });
  const remove = await listenOn(server, path);
  server.on("error", (error) => options.logger.error("The plugin's socket failed", { path, error: error.message }));
  return {
    path,
    async close() {
      await remove();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of receiving) socket.destroy();
      while (answering.size > 0) await Promise.allSettled(answering);
      for (const socket of connections) socket.destroy();
      await closed;
    },
  };
}

/** One connection: request, answer, end. A client that goes away early is no failure: nobody is left to tell. */
async function serve(
  socket: Socket,
  handler: RequestHandler,
  options: CniServerOptions,
  receiving: Set<Socket>,
): Promise<void> {
  receiving.add(socket);
  const timer = options.clock.after(options.requestWithinMs ?? 30_000, "cni request", () => {
    options.logger.warning("A plugin's request did not end in time");
    socket.destroy();
  });
  const received = await receive(socket);
  timer.cancel();
  receiving.delete(socket);
  if (received === undefined) {
    socket.destroy();
    return;
  }
  const answer = received === "too large" ? handler.refuse(tooLarge()) : await handler.handle(received);
  // After an early refusal the rest of the request is read away: a client that cannot finish writing would not read.
  socket.resume();
  if (socket.destroyed) return;
  await new Promise<void>((resolve) => {
    socket.once("close", resolve);
    socket.end(formatAnswer(answer), () => resolve());
  });
}

/** Reads up to the client's half-close; undefined if it went away before, or came only to see whether somebody is here. */
function receive(socket: Socket): Promise<Buffer | "too large" | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    socket.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > MAX_REQUEST_BYTES) resolve("too large");
      else chunks.push(chunk);
    });
    socket.once("end", () => resolve(length === 0 ? undefined : Buffer.concat(chunks)));
    socket.once("close", () => resolve(undefined));
  });
}

interface Progress {
  request?: WireRequest;
  operation?: Operation;
}

class RequestHandler {
  readonly #options: CniServerOptions;
  readonly #queue: KeyedQueue;
  readonly #reported = new Set<string>();

  constructor(options: CniServerOptions) {
    this.#options = options;
    this.#queue = new KeyedQueue(options.concurrency ?? 64);
  }

  /** Never rejects: whatever happens becomes an answer. */
  async handle(bytes: Buffer): Promise<WireAnswer> {
    const { clock, logger, observe } = this.#options;
    const started = clock.monotonic();
    const progress: Progress = {};
    const outcome = await this.#execute(bytes, progress).then(success, (error: unknown) =>
      failure(error, progress.request),
    );
    const milliseconds = Math.round((clock.monotonic() - started) * 100) / 100;
    const command = progress.request?.environment.get("CNI_COMMAND") ?? "?";
    const fields = { command, ...(progress.operation?.about ?? aboutRefused(progress.request)), milliseconds };
    if (outcome.error === undefined) logger[command === "STATUS" ? "debug" : "info"]("CNI request done", fields);
    else
      logger[outcome.error.cniCode === CniCode.internal ? "error" : "warning"]("CNI request failed", {
        ...fields,
        ...describe(outcome.error),
      });
    observe?.({ command, cniCode: outcome.error?.cniCode ?? 0, milliseconds });
    return outcome.answer;
  }

  refuse(error: CniError): WireAnswer {
    this.#options.logger.warning("CNI request failed", describe(error));
    return failure(error, undefined).answer;
  }

  async #execute(bytes: Buffer, progress: Progress): Promise<JsonObject | undefined> {
    progress.request = parseRequest(bytes);
    const operation = plan(progress.request, this.#options.backend, this.#options.nodeName);
    progress.operation = operation;
    this.#reportKeys(operation);
    const running = operation.key === undefined ? operation.run() : this.#queue.run(operation.key, operation.run);
    return await this.#within(running);
  }

  /** The operation goes on past the deadline, and holds its place in the queue: only the client is let go. */
  #within<T>(running: Promise<T>): Promise<T> {
    const limit = this.#options.answerWithinMs ?? 80_000;
    return new Promise((resolve, reject) => {
      const timer = this.#options.clock.after(limit, "cni answer", () => reject(tooSlow(limit)));
      running.finally(() => timer.cancel()).then(resolve, reject);
    });
  }

  /** Each set of keys without effect is worth one line, not one per ADD. */
  #reportKeys(operation: Operation): void {
    if (operation.withoutEffect.length === 0) return;
    const keys = Object.fromEntries(operation.withoutEffect.map(({ key, why }) => [key, why]));
    const network = operation.about.network;
    const identity = JSON.stringify([network, keys]);
    if (this.#reported.has(identity)) return;
    this.#reported.add(identity);
    this.#options.logger.info("Keys of the network configuration without effect", { network, keys });
  }
}

function success(result: JsonObject | undefined): { readonly answer: WireAnswer; readonly error: undefined } {
  const stdout = result === undefined ? "" : `${JSON.stringify(result)}\n`;
  return { answer: { exitCode: 0, stdout }, error: undefined };
}

function failure(
  thrown: unknown,
  request: WireRequest | undefined,
): { readonly answer: WireAnswer; readonly error: CniError } {
  const error = CniError.from(thrown);
  const version = request === undefined ? undefined : peekVersion(request.stdin);
  const stdout = `${JSON.stringify(error.toJson(version ?? NEWEST_VERSION))}\n`;
  return { answer: { exitCode: 1, stdout }, error };
}

/** A request that was refused before it became an operation is known by what the runtime said of it. */
function aboutRefused(request: WireRequest | undefined): Readonly<Record<string, unknown>> {
  const environment = request?.environment;
  return {
    plugin: environment?.get("OCICAT_PLUGIN"),
    container: environment?.get("CNI_CONTAINERID"),
    interface: environment?.get("CNI_IFNAME"),
  };
}

function describe(error: CniError): Readonly<Record<string, unknown>> {
  const cause = error.cniCode === CniCode.internal && error.cause instanceof Error ? { stack: error.cause.stack } : {};
  return { code: error.code, cniCode: error.cniCode, error: error.message, ...cause };
}

function tooSlow(limit: number): CniError {
  return new CniError(CniCode.tryAgainLater, {
    code: "CNI_TIMEOUT",
    what: `the agent has not finished within ${limit / 1000} s`,
    why: "it goes on with it",
    fix: "repeat the request; the agent's log says what it waits for",
  });
}

function tooLarge(): CniError {
  return new CniError(CniCode.decodeFailure, {
    code: "CNI_DECODE_FAILURE",
    what: `the request is larger than ${MAX_REQUEST_BYTES} bytes`,
    fix: "a network configuration is a few KiB; look at what is handed over on standard input",
  });
}
