import { durationMs } from "@ocicat/api";
import type { OcicatError } from "@ocicat/kit";
import { type Environment, numberVariable, refusedVariable } from "@ocicat/service";
import type { Overrides, Switch } from "./settings.ts";

/** As ENABLED_CONTROLLERS names them. */
export const CONTROLLER_NAMES = [
  "node",
  "policy",
  "namespace",
  "serviceaccount",
  "workloadendpoint",
  "loadbalancer",
] as const;

export type ControllerName = (typeof CONTROLLER_NAMES)[number];

export interface ControllersOptions {
  /** Who this instance is, for people. */
  readonly identity: string;
  readonly enabled: ReadonlySet<ControllerName>;
  /** Variables of the environment that say how they run, as they are. */
  readonly environment: Readonly<Record<string, string>>;
  /** What the environment says over the KubeControllersConfiguration. */
  readonly overrides: Overrides;
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

const CODE = "CONTROLLERS_CONFIG";

/** From the environment. Throws OcicatError CONTROLLERS_CONFIG, naming the variable, its value and what would do. */
export function controllersOptionsFrom(env: Environment, host: string, pid: number): ControllersOptions {
  return {
    identity: `${host} pid ${pid}`,
    enabled: enabledFrom(env),
    environment: toldIn(env),
    overrides: {
      autoHostEndpoints: switchFrom(env, "AUTO_HOST_ENDPOINTS"),
      syncLabels: switchFrom(env, "SYNC_NODE_LABELS"),
      compactionPeriod: durationFrom(env, "COMPACTION_PERIOD"),
      reconcilerPeriod: durationFrom(env, "RECONCILER_PERIOD"),
    },
    leaseSeconds: numberFrom(env, "OCICAT_CONTROLLERS_LEASE_SECONDS", 15, 1, 3600),
    perSecond: numberFrom(env, "OCICAT_CONTROLLERS_RATE", 500, 1, 100_000),
    host: env.OCICAT_CONTROLLERS_HOST || "127.0.0.1",
    port: env.OCICAT_CONTROLLERS_PORT ? numberFrom(env, "OCICAT_CONTROLLERS_PORT", 0, 0, 65_535) : undefined,
    socket: env.OCICAT_CONTROLLERS_SOCKET || DEFAULT_SOCKET,
    lagResolutionMs: numberFrom(env, "OCICAT_LAG_RESOLUTION_MS", 100, 1, 10_000),
  };
}

/** Those that KubeControllersConfiguration's status names, by kube-controllers' names. */
const TOLD = [
  "DATASTORE_TYPE",
  "ENABLED_CONTROLLERS",
  "AUTO_HOST_ENDPOINTS",
  "SYNC_NODE_LABELS",
  "COMPACTION_PERIOD",
  "RECONCILER_PERIOD",
] as const;

function toldIn(env: Environment): Readonly<Record<string, string>> {
  return Object.fromEntries(TOLD.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));
}

/** All of them, unless some are named. */
function enabledFrom(env: Environment): ReadonlySet<ControllerName> {
  const text = env.ENABLED_CONTROLLERS;
  if (text === undefined || text.trim() === "") return new Set(CONTROLLER_NAMES);
  const names = text.split(",").map((name) => name.trim().toLowerCase());
  return new Set(
    names.map((name) => {
      const known = CONTROLLER_NAMES.find((each) => each === name);
      if (known !== undefined) return known;
      const fix = `name some of ${CONTROLLER_NAMES.join(", ")}, with commas between them`;
      throw refusal("ENABLED_CONTROLLERS", `there is no controller "${name}"`, fix);
    }),
  );
}

/** In the words of kube-controllers' variables. */
const SWITCHES: Readonly<Record<string, Switch>> = {
  enabled: "Enabled",
  true: "Enabled",
  disabled: "Disabled",
  false: "Disabled",
};

function switchFrom(env: Environment, name: string): Switch | undefined {
  const text = env[name];
  if (text === undefined || text === "") return undefined;
  const value = SWITCHES[text.toLowerCase()];
  if (value !== undefined) return value;
  throw refusal(name, `"${text}" is neither enabled nor disabled`, "write enabled or disabled");
}

function durationFrom(env: Environment, name: string): string | undefined {
  const text = env[name];
  if (text === undefined || text === "") return undefined;
  try {
    durationMs(text);
    return text;
  } catch {
    throw refusal(name, `"${text}" is not a duration`, "write one as 5m or 30s");
  }
}

function refusal(variable: string, what: string, fix: string): OcicatError {
  return refusedVariable(CODE, variable, what, fix);
}

function numberFrom(env: Environment, name: string, fallback: number, min: number, max: number): number {
  return numberVariable(env, name, { code: CODE, fallback, min, max });
}
