import type { Trouble, TroubleKind } from "@ocicat/bgp";

interface Failure {
  readonly kind: TroubleKind;
  readonly text: string;
}

/** What errno means to somebody who waits for a session. */
const FAILURES: Readonly<Record<string, Failure>> = {
  ECONNREFUSED: { kind: "refused", text: "connection refused: nobody listens on the peer's port" },
  EHOSTUNREACH: { kind: "unreachable", text: "no route to the peer, or no answer on its link" },
  ENETUNREACH: { kind: "unreachable", text: "no route to the peer's network" },
  ENETDOWN: { kind: "unreachable", text: "the link to the peer is down" },
  ETIMEDOUT: { kind: "no-answer", text: "no answer from the peer" },
  EADDRNOTAVAIL: { kind: "local-address", text: "the source address is on no interface of this node" },
  ENOPROTOOPT: { kind: "unsupported", text: "this kernel cannot sign TCP segments (CONFIG_TCP_MD5SIG)" },
  ECONNRESET: { kind: "closed", text: "connection reset by peer" },
};

/** `code`: errno's name, or undefined. */
export function connectFailure(code: string | undefined, message: string): Trouble {
  return FAILURES[code ?? ""] ?? { kind: "unknown", text: code ?? message };
}
