import { chmodSync, mkdirSync, unlinkSync } from "node:fs";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { connect } from "node:net";
import { dirname } from "node:path";
import { pipeline } from "node:stream/promises";
import { isOcicatError, type Logger, OcicatError, type Scope, toError } from "@ocicat/kit";

export interface Answer {
  readonly status: number;
  readonly contentType: "application/json" | "text/plain";
  readonly body: string;
}

/** An answer without an end: lines, as long as the asker stays. */
export interface Stream {
  /**
   * Begins. `send` takes one line, without its end, and says whether it did: an asker who does not read is sent nothing more
   * until he has. What is returned ends it; it is called once, when the asker has gone.
   */
  readonly open: (send: (line: string) => boolean) => () => void;
}

/** A file, made while it is sent; the next piece is asked for when there is room. A failure is told by breaking off. */
export interface Download {
  readonly contentType: "application/octet-stream";
  readonly pieces: AsyncIterable<Uint8Array>;
}

type Reply = Answer | Stream | Download;

/** Path → what it answers. Query parameters come along. */
export type Routes = Readonly<Record<string, (query: URLSearchParams) => Reply | Promise<Reply>>>;

export type ListenAt = { readonly host: string; readonly port: number } | { readonly path: string };

export function json(value: unknown, status = 200): Answer {
  const body = JSON.stringify(value, (_key, member: unknown) =>
    typeof member === "bigint" ? member.toString() : member,
  );
  return { status, contentType: "application/json", body: `${body}\n` };
}

export function text(body: string, status = 200): Answer {
  return { status, contentType: "text/plain", body };
}

/** Not imported: an import names all that node:http has, its WebSocket among it, which is 13 MiB and 35 ms of every process. */
const { createServer } = process.getBuiltinModule("node:http");

/** A small read-only HTTP server for the node itself: loopback, or a Unix socket that only its owner can open. */
export async function serveLocally(
  at: ListenAt,
  routes: Routes,
  logger: Logger,
  scope: Scope,
): Promise<{ port: number }> {
  const server = createServer((request, response) => {
    void respond(request, response, routes, logger);
  });
  server.keepAliveTimeout = 1_000;
  await listen(server, at);
  scope.add("local http", () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  });
  const address = server.address();
  return { port: typeof address === "object" && address !== null ? address.port : 0 };
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  routes: Routes,
  logger: Logger,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://localhost");
  const answer = await answerTo(request.method ?? "GET", url, routes, logger);
  if ("open" in answer) {
    stream(answer, request, response);
    return;
  }
  if ("pieces" in answer) {
    await download(answer, request, response, logger);
    return;
  }
  response.writeHead(answer.status, {
    "content-type": answer.contentType,
    "content-length": Buffer.byteLength(answer.body),
  });
  response.end(request.method === "HEAD" ? undefined : answer.body);
}

/** What may wait for an asker, in bytes. */
const MOST_WAITING = 256 * 1024;

function stream({ open }: Stream, request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { "content-type": "application/x-ndjson" });
  if (request.method === "HEAD") {
    response.end();
    return;
  }
  // Else the asker does not know that it has begun until there is something to tell.
  response.flushHeaders();
  const end = open((line) => {
    if (response.writableLength > MOST_WAITING) return false;
    response.write(`${line}\n`);
    return true;
  });
  response.once("close", end);
}

async function download(
  { contentType, pieces }: Download,
  { method, url }: IncomingMessage,
  response: ServerResponse,
  logger: Logger,
): Promise<void> {
  response.writeHead(200, { "content-type": contentType });
  if (method === "HEAD") {
    response.end();
    return;
  }
  try {
    await pipeline(pieces, response);
  } catch (error) {
    // Who asked may have gone, too.
    logger.warning("a download is broken off", { path: url ?? "", error: toError(error).message });
  }
}

async function answerTo(method: string, url: URL, routes: Routes, logger: Logger): Promise<Reply> {
  const route = routes[url.pathname];
  if (route === undefined)
    return text(`there is nothing at ${url.pathname}; try ${Object.keys(routes).join(", ")}\n`, 404);
  if (method !== "GET" && method !== "HEAD") return text("this is read-only: use GET\n", 405);
  try {
    return await route(url.searchParams);
  } catch (error) {
    const { message } = toError(error);
    if (isOcicatError(error)) return json({ code: error.code, message }, 400);
    logger.error("a local request failed", { path: url.pathname, error: message });
    return json({ code: "INTERNAL", message }, 500);
  }
}

async function listen(server: Server, at: ListenAt): Promise<void> {
  if ("path" in at) {
    mkdirSync(dirname(at.path), { recursive: true, mode: 0o755 });
    await removeStaleSocket(at.path);
  }
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => reject(cannotListen(at, cause)));
    if ("path" in at) {
      // The file must never be open to others, not even between bind and chmod.
      const before = process.umask(0o177);
      server.listen(at.path, resolve);
      process.umask(before);
    } else {
      server.listen(at.port, at.host, resolve);
    }
  });
  if ("path" in at) chmodSync(at.path, 0o600);
}

/** A socket file that nobody answers on is a dead process's; one that answers belongs to another program of this kind. */
async function removeStaleSocket(path: string): Promise<void> {
  const alive = await new Promise<boolean>((resolve) => {
    const probe = connect(path);
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
  if (alive) {
    throw new OcicatError({
      code: "ALREADY_RUNS",
      where: path,
      what: "another program answers on this socket",
      fix: "stop it first, or give this one a socket of its own (OCICAT_AGENT_SOCKET, OCICAT_CONTROLLERS_SOCKET)",
    });
  }
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

function cannotListen(at: ListenAt, cause: NodeJS.ErrnoException): OcicatError {
  const where = "path" in at ? at.path : `${at.host}:${at.port}`;
  return new OcicatError({
    code: "CANNOT_LISTEN",
    where,
    what: `cannot listen: ${cause.code ?? cause.message}`,
    fix: cause.code === "EADDRINUSE" ? "another process has it: find it with ss -lntp" : undefined,
    cause,
  });
}
