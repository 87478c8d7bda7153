import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { OcicatError } from "@ocicat/kit";
import type { LabPlaces } from "../world/places.ts";
import { ProcessBook } from "./book.ts";
import { pause } from "./end.ts";

/** A path inside a node's mount namespace, as seen from outside: through the root directory of one of its processes. */
export function pathInNode(places: LabPlaces, process: string, path: string): string {
  const running = new ProcessBook(places).alive(process);
  if (running === undefined) {
    throw new OcicatError({
      code: "LAB_NOT_RUNNING",
      what: `${process} does not run`,
      where: `lab ${places.lab}`,
      fix: `see ${places.log(process)}; ocicat lab down and up again`,
    });
  }
  return `/proc/${running.pid}/root${path}`;
}

/** GET over a node's Unix socket. Throws OcicatError LAB_NO_ANSWER. */
export function askNode(socketPath: string, path: string): Promise<{ status: number; body: string }> {
  // Loaded by who asks, and not imported: an import loads its WebSocket too, and every command of the lab would wait for it.
  const { request } = process.getBuiltinModule("node:http");
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, timeout: 5_000 }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        body += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    });
    call.on("timeout", () => call.destroy(new Error("no answer within 5 s")));
    call.on("error", (cause) =>
      reject(
        new OcicatError({ code: "LAB_NO_ANSWER", where: socketPath, what: cause.message, retryable: true, cause }),
      ),
    );
    call.end();
  });
}

/** Polls until `check` answers, at most `ms`; then throws with the last reason, or at once if the process has died. */
export async function waitFor<T>(
  places: LabPlaces,
  process: string,
  ms: number,
  check: () => Promise<{ readonly value: T } | { readonly reason: string }>,
): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const answer = await check().catch((error: unknown) => ({
      reason: error instanceof Error ? error.message : String(error),
    }));
    if ("value" in answer) return answer.value;
    const dead = new ProcessBook(places).alive(process) === undefined;
    if (!dead && performance.now() < deadline) {
      await pause(10);
      continue;
    }
    throw new OcicatError({
      code: "LAB_NOT_READY",
      where: `lab ${places.lab}`,
      what: dead ? `${process} ended before it was ready` : `${process} is not ready after ${ms / 1000} s`,
      why: dead ? lastWords(places, process) : answer.reason,
    });
  }
}

/** The end of a process' log: `up` takes the log away with all else when it fails. */
function lastWords(places: LabPlaces, process: string): string {
  try {
    return readFileSync(places.log(process), "utf8").trimEnd().split("\n").slice(-3).join(" | ");
  } catch {
    return "it left no log";
  }
}

/** Waits until something accepts connections on a Unix socket of the node. */
export function waitForSocket(places: LabPlaces, process: string, path: string, ms: number): Promise<string> {
  return waitFor(places, process, ms, async () => {
    const socketPath = pathInNode(places, process, path);
    const open = await new Promise<boolean>((resolve) => {
      const probe = connect(socketPath);
      probe.once("connect", () => {
        probe.destroy();
        resolve(true);
      });
      probe.once("error", () => resolve(false));
    });
    return open ? { value: socketPath } : { reason: `nobody listens on ${path}` };
  });
}

/** Waits until the agent says it is ready: in sync, programmed, and its peers established. */
export function waitForAgent(places: LabPlaces, process: string, apiSocket: string, ms: number): Promise<void> {
  return waitFor(places, process, ms, async () => {
    const answer = await askNode(pathInNode(places, process, apiSocket), "/readyz");
    return answer.status === 200 ? { value: undefined } : { reason: answer.body.trim() };
  });
}
