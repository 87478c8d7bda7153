import { OcicatError } from "@ocicat/kit";

export interface ControllersOptions {
  /** Who this instance is, for people. */
  readonly identity: string;
  /** How long a leader that says nothing stays one, in seconds. */
  readonly leaseSeconds: number;
  /** What is collected in a second at most: addresses of a container count as one. */
  readonly perSecond: number;
  /** Where metrics and health are served. */
  readonly host: string;
  /** Instead of what KubeControllersConfiguration says; undefined: that. 0: any free one. */
  readonly port: number | undefined;
  /** The command line's socket. */
  readonly socket: string;
  /** Milliseconds between samples of the event loop's lag. */
  readonly lagResolutionMs: number;
}

export const DEFAULT_SOCKET = "/run/ocicat/controllers.sock";

type Environment = Readonly<Record<string, string | undefined>>;

/** From the environment. Throws OcicatError CONTROLLERS_CONFIG, naming the variable, its value and what would do. */
export function controllersOptionsFrom(env: Environment, host: string, pid: number): ControllersOptions {
  return {
    identity: `${host} pid ${pid}`,
    leaseSeconds: numberFrom(env, "OCICAT_CONTROLLERS_LEASE_SECONDS", 15, 1, 3600),
    perSecond: numberFrom(env, "OCICAT_CONTROLLERS_RATE", 500, 1, 100_000),
    host: env.OCICAT_CONTROLLERS_HOST || "127.0.0.1",
    port: env.OCICAT_CONTROLLERS_PORT ? numberFrom(env, "OCICAT_CONTROLLERS_PORT", 0, 0, 65_535) : undefined,
    socket: env.OCICAT_CONTROLLERS_SOCKET || DEFAULT_SOCKET,
    lagResolutionMs: numberFrom(env, "OCICAT_LAG_RESOLUTION_MS", 100, 1, 10_000),
  };
}

function numberFrom(env: Environment, name: string, fallback: number, min: number, max: number): number {
  const text = env[name];
  if (text === undefined || text === "") return fallback;
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new OcicatError({
    code: "CONTROLLERS_CONFIG",
    where: `environment variable ${name}`,
    what: `"${text}" is not a number in its range`,
    fix: `use a whole number from ${min} to ${max}`,
  });
}
