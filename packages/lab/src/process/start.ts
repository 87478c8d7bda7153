import type { ChildProcess, SpawnOptions } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { OcicatError } from "@ocicat/kit";
import { openNamespace, spawnIn } from "@ocicat/linux";
import type { LabPlaces } from "../world/places.ts";
import { ProcessBook } from "./book.ts";
import { identify, type LabProcess } from "./identity.ts";
import { markOf } from "./mark.ts";

/** What a node's programs see of the environment they are started from: nothing in a user's shell may configure an agent. */
const HANDED_ON = ["PATH", "HOME", "LANG", "TZ", "OCICAT_LOG_LEVEL"] as const;

/** Starts a program that outlives this command, inside a node, with its output in the lab's log directory. */
export function startInNode(
  places: LabPlaces,
  node: string,
  name: string,
  command: readonly [string, ...string[]],
  env: Readonly<Record<string, string>>,
): LabProcess {
  mkdirSync(dirname(places.log(name)), { recursive: true });
  const log = openSync(places.log(name), "a", 0o600);
  try {
    const child = spawnInNode(places, node, command, {
      detached: true,
      stdio: ["ignore", log, log],
      env: { ...handedOn(), ...env },
    });
    child.unref();
    // Its failure is told by `pid`, which comes first; without a listener the event would end this process.
    child.on("error", () => undefined);
    const started = child.pid === undefined ? undefined : identify(name, child.pid);
    if (started === undefined)
      throw new OcicatError({ code: "LAB_PROCESS", what: `${name} could not be started: ${command.join(" ")}` });
    new ProcessBook(places).set(started);
    return started;
  } finally {
    closeSync(log);
  }
}

/** child_process.spawn inside a node's network and mount namespaces, and among its processes, if it counts them. */
export function spawnInNode(
  places: LabPlaces,
  node: string,
  command: readonly [string, ...string[]],
  options: SpawnOptions,
): ChildProcess {
  using net = openNamespace(places.netns(node));
  using mount = openNamespace(places.mountns(node));
  const first = new ProcessBook(places).alive(firstProcessOf(node));
  using pid = first === undefined ? undefined : openNamespace(`/proc/${first.pid}/ns/pid`);
  const env = { ...(options.env ?? process.env), ...markOf(places) };
  return spawnIn({ net, mount, pid }, command[0], command.slice(1), { ...options, env });
}

/** The process with which the processes of a node begin and end, where it counts its own: nodes of Kubernetes do. */
export function firstProcessOf(node: string): string {
  return `init-${node}`;
}

function handedOn(): Record<string, string> {
  return Object.fromEntries(
    HANDED_ON.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
