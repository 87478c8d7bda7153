/** 10,000 routes through the reconciler on a real kernel, against `ip -batch` of the same; and a resync that changes nothing. */
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RouteReconciler } from "@ocicat/agent/program";
import { systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { Scope, silentLogger } from "@ocicat/kit";
import type { Kernel } from "@ocicat/linux";
import { ipv4, Prefix, parseAddress, parsePrefix } from "@ocicat/net";
import type { DesiredRoute } from "@ocicat/routing";
import { inNamespace } from "./namespace.ts";
import { type Case, measured, median } from "./report.ts";

const ROUTES = 10_000;
const ROUNDS = 7;
const GATEWAY = parseAddress("192.168.0.82");
const POOL = parsePrefix("10.0.0.0/8");

export async function run(): Promise<Case[]> {
  const ours: number[] = [];
  const peer: number[] = [];
  const resyncs: number[] = [];
  const turns: number[] = [];
  let idleWrites = 0;
  for (let round = -1; round < ROUNDS; round++) {
    const mine = await inNamespace((kernel) => throughReconciler(kernel));
    const theirs = await inNamespace((_kernel, name) => Promise.resolve(throughBatch(name)));
    if (round < 0) continue;
    ours.push(mine.addMs);
    resyncs.push(mine.resyncMs);
    turns.push(mine.longestTurnMs);
    idleWrites += mine.idleWrites;
    peer.push(theirs);
  }
  return [
    measured(
      "10,000 routes added",
      "ms",
      median(ours),
      { name: "ip -batch", value: median(peer) },
      { kind: "at most", value: 1 },
    ),
    measured("longest turn of the event loop meanwhile", "ms", median(turns), undefined, {
      kind: "at most",
      value: 20,
    }),
    measured("resync of 10,000 routes", "ms", median(resyncs), undefined, { kind: "none" }),
    measured("writes of a resync that changes nothing", "writes", idleWrites, undefined, { kind: "at most", value: 0 }),
  ];
}

function destination(index: number): Prefix {
  return Prefix.host(ipv4(0x0a000000 + index));
}

function route(index: number): DesiredRoute {
  return {
    kind: "via",
    destination: destination(index),
    via: GATEWAY,
    device: undefined,
    onlink: false,
    protocol: 12,
    origin: { reason: "bench", resources: [] },
  };
}

async function throughReconciler(kernel: Kernel) {
  const scope = new Scope("bench");
  const desired = Array.from({ length: ROUTES }, (_, index) => route(index));
  let longestTurnMs = 0;
  const reconciler = new RouteReconciler({
    kernel,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    scope,
    interfacePrefix: "cali",
    inPools: (prefix) => POOL.covers(prefix),
    refreshMs: 0,
    defer: (work) =>
      setImmediate(() => {
        const start = performance.now();
        work();
        longestTurnMs = Math.max(longestTurnMs, performance.now() - start);
      }),
  });
  reconciler.start();
  await reconciler.settled();
  const start = performance.now();
  for (const one of desired) reconciler.setDesired(one.destination, one);
  await reconciler.settled();
  const addMs = performance.now() - start;
  if (kernel.routes(4, 254).filter((entry) => entry.protocol === 12).length !== ROUTES)
    throw new Error("routes are missing");
  const before = reconciler.writes;
  const resyncStart = performance.now();
  reconciler.resync();
  await reconciler.settled();
  const resyncMs = performance.now() - resyncStart;
  await scope.close();
  return { addMs, resyncMs, longestTurnMs, idleWrites: reconciler.writes - before };
}

/** The process' start included: it is how one would do it. */
function throughBatch(namespace: string): number {
  const file = join(tmpdir(), `${namespace}.batch`);
  const lines = Array.from(
    { length: ROUTES },
    (_, index) => `route replace ${destination(index)} via 192.168.0.82 proto bird`,
  );
  writeFileSync(file, `${lines.join("\n")}\n`);
  const start = performance.now();
  execFileSync("ip", ["-n", namespace, "-batch", file]);
  const took = performance.now() - start;
  rmSync(file);
  return took;
}
