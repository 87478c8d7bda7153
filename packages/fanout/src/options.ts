import { isIP } from "node:net";
import type { ListenAddress, ServerTls } from "@ocicat/datastore/serving";
import type { OcicatError } from "@ocicat/kit";
import { type Environment, numberVariable, refusedVariable } from "@ocicat/service";
import type { HistoryLimits } from "./cache/history.ts";

export interface FanoutOptions {
  readonly listen: ListenAddress;
  /** Undefined: on loopback, or a socket of this user's alone. */
  readonly tls: ServerTls | undefined;
  /** The name that clients' certificates have to have, as common name or DNS name; undefined: any good one. */
  readonly clientName: string | undefined;
  readonly limits: HistoryLimits;
  /** How long a client may read nothing while there is something for it, in milliseconds. */
  readonly patienceMs: number;
  /** Where metrics and health are served. */
  readonly healthHost: string;
  readonly healthPort: number;
  /** Milliseconds between samples of the event loop's lag. */
  readonly lagResolutionMs: number;
}

const CODE = "FANOUT_CONFIG";

/** Where Calico's own is found. */
export const DEFAULT_PORT = 5473;

/**
 * From the environment. Throws OcicatError FANOUT_CONFIG, naming the variable, its value and what would do. What others can
 * reach is served over TLS, and to those only who show a certificate of its authority.
 */
export function fanoutOptionsFrom(env: Environment): FanoutOptions {
  const listen = listenFrom(env.OCICAT_FANOUT_LISTEN || `127.0.0.1:${DEFAULT_PORT}`);
  const tls = tlsFrom(env);
  const isOpen = "host" in listen && !isLoopback(listen.host);
  if (isOpen && tls?.clientCaFile === undefined) {
    throw refusal(
      "OCICAT_FANOUT_LISTEN",
      `${listen.host} is reached by others, and nothing says who may read`,
      "give OCICAT_FANOUT_CERT_FILE, OCICAT_FANOUT_KEY_FILE and OCICAT_FANOUT_CLIENT_CA_FILE, or listen on 127.0.0.1",
    );
  }
  return {
    listen: "host" in listen && tls !== undefined ? { ...listen, tls: true } : listen,
    tls,
    clientName: env.OCICAT_FANOUT_CLIENT_NAME || undefined,
    limits: {
      events: numberFrom(env, "OCICAT_FANOUT_HISTORY_EVENTS", 20_000, 16, 10_000_000),
      size: numberFrom(env, "OCICAT_FANOUT_HISTORY_MIB", 64, 1, 65_536) * 2 ** 20,
    },
    patienceMs: numberFrom(env, "OCICAT_FANOUT_PATIENCE_SECONDS", 60, 1, 3600) * 1000,
    healthHost: env.OCICAT_FANOUT_HEALTH_HOST || "127.0.0.1",
    healthPort: numberFrom(env, "OCICAT_FANOUT_HEALTH_PORT", 9093, 0, 65_535),
    lagResolutionMs: numberFrom(env, "OCICAT_LAG_RESOLUTION_MS", 100, 1, 10_000),
  };
}

function listenFrom(text: string): ListenAddress {
  if (text.startsWith("unix://")) return { path: text.slice("unix://".length) };
  const colon = text.lastIndexOf(":");
  const [host, port] = [text.slice(0, colon).replace(/^\[(.*)\]$/, "$1"), Number(text.slice(colon + 1))];
  if (colon > 0 && isIP(host) !== 0 && Number.isInteger(port) && port >= 0 && port <= 65_535) return { host, port };
  throw refusal("OCICAT_FANOUT_LISTEN", `"${text}" is not an address`, "write 0.0.0.0:5473, [::]:5473 or unix:///path");
}

function tlsFrom(env: Environment): ServerTls | undefined {
  const certFile = env.OCICAT_FANOUT_CERT_FILE || undefined;
  const keyFile = env.OCICAT_FANOUT_KEY_FILE || undefined;
  const clientCaFile = env.OCICAT_FANOUT_CLIENT_CA_FILE || undefined;
  if (certFile === undefined && keyFile === undefined && clientCaFile === undefined) return undefined;
  if (certFile !== undefined && keyFile !== undefined) {
    return { certFile, keyFile, ...(clientCaFile === undefined ? {} : { clientCaFile }) };
  }
  const [missing, other] =
    certFile === undefined
      ? ["OCICAT_FANOUT_CERT_FILE", "the certificate"]
      : ["OCICAT_FANOUT_KEY_FILE", "the certificate's key"];
  throw refusal(missing, "is not given, and another file of TLS is", `name the PEM file of ${other}`);
}

function isLoopback(host: string): boolean {
  return host === "::1" || host.startsWith("127.");
}

function numberFrom(env: Environment, name: string, fallback: number, min: number, max: number): number {
  return numberVariable(env, name, { code: CODE, fallback, min, max });
}

function refusal(variable: string, what: string, fix: string): OcicatError {
  return refusedVariable(CODE, variable, what, fix);
}
