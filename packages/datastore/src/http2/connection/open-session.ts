import type { Socket } from "node:net";
import { type Clock, toError } from "@ocicat/kit";
import { ClientSession, type Origin } from "../client.ts";
import type { Windows } from "../session/session.ts";

export interface SessionDial {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * A session on a socket that is being connected, once the peer's SETTINGS are there: a peer that accepts and keeps silent, or
 * speaks something else, is not a connection. Rejects after `timeoutMs`, or when `signal` aborts.
 */
export async function openSession(
  socket: Socket,
  origin: Origin,
  windows: Windows,
  { clock, timeoutMs, signal }: SessionDial,
): Promise<ClientSession> {
  const isTls = origin.scheme === "https";
  const { promise, resolve, reject } = Promise.withResolvers<ClientSession>();
  const timer = clock.after(timeoutMs, "connect", () => reject(new Error(`no answer within ${timeoutMs} ms`)));
  const abort = () => reject(toError(signal.reason));
  signal.addEventListener("abort", abort);
  socket.on("error", (error) => reject(isWithoutHttp2(error) ? new Error(NO_HTTP2, { cause: error }) : error));
  socket.on("close", () => reject(new Error("the connection was closed before it was ready")));
  socket.once(isTls ? "secureConnect" : "connect", () => {
    if (isTls && "alpnProtocol" in socket && socket.alpnProtocol !== "h2") {
      reject(new Error(NO_HTTP2));
      return;
    }
    const session = new ClientSession(socket, origin, windows);
    session.events = {
      ready: () => resolve(session),
      closed: (error) => reject(error ?? new Error("the connection was closed before it was ready")),
    };
  });

  try {
    return await promise;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", abort);
  }
}

const NO_HTTP2 = "the TLS server does not speak HTTP/2 (no ALPN h2): a proxy in front of it may not";

/** Who knows of no protocol that was offered says so in an alert (RFC 7301 §3.2). */
function isWithoutHttp2(error: Error): boolean {
  return "code" in error && error.code === "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL";
}
