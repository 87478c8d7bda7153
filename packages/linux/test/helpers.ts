import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach } from "vitest";
import { createNetworkNamespace, deleteNetworkNamespace, type NamespaceHandle, openNamespace } from "../src/index.ts";

const cleanups: (() => void)[] = [];

/** Runs after the test, last registered first, also when it failed. */
export function cleanup(action: () => void): void {
  cleanups.push(action);
}

afterEach(() => {
  for (let action = cleanups.pop(); action !== undefined; action = cleanups.pop()) action();
});

/** A name that two runs do not share; short enough for an interface with a suffix. */
export function uniqueName(): string {
  return `oct${randomBytes(4).toString("hex")}`;
}

export interface TestNamespace {
  readonly name: string;
  readonly path: string;
  readonly handle: NamespaceHandle;
}

/** A network namespace that `ip netns` knows, gone after the test. */
export function testNetns(): TestNamespace {
  const name = uniqueName();
  const path = `/run/netns/${name}`;
  createNetworkNamespace(path);
  cleanup(() => deleteNetworkNamespace(path));
  const handle = openNamespace(path);
  cleanup(() => handle.close());
  return { name, path, handle };
}

export function testDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), "oct"));
  cleanup(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** The output of an independent witness. */
export function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** Waits for a fact that the kernel brings about in its own time; the test's timeout is the limit. */
export async function eventually(fact: () => boolean): Promise<void> {
  while (!fact()) await pause(2);
}
