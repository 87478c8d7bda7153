import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { WorkloadEndpointSpec } from "@ocicat/api";
import { type QosControls, readQosControls } from "@ocicat/enforcement";
import { type Logger, origin, Scope, silentLogger, TestClock } from "@ocicat/kit";
import { parsePrefix } from "@ocicat/net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BandwidthReconciler } from "../../src/qos/reconciler.ts";
import { QosRules } from "../../src/qos/rules.ts";
import { CALI, Lab, OUTSIDE, POD } from "../support/lab.ts";

let lab: Lab;
let scope: Scope;
let refusals: string[];
let limit: (stored: WorkloadEndpointSpec["qosControls"], inside?: string) => void;

beforeEach(() => {
  lab = new Lab();
  scope = new Scope("test");
  const { kernel } = lab;
  refusals = [];
  const logger: Logger = {
    ...silentLogger,
    error: (message, fields) => refusals.push(JSON.stringify([message, fields])),
  };
  let cluster = "10.65.0.0/24";
  const defer = (work: () => void) => work();
  const common = { kernel, clock: new TestClock(), logger, scope, refreshMs: 0, defer };
  const bandwidth = new BandwidthReconciler(common);
  const rules = new QosRules({ ...common, inside: () => [parsePrefix(cluster)] });
  bandwidth.start();
  rules.start();
  limit = (stored, inside = cluster) => {
    cluster = inside;
    const controls: QosControls | undefined = readQosControls(stored);
    bandwidth.want(CALI, controls && { ingress: controls.ingress.bandwidth, egress: controls.egress.bandwidth });
    rules.want(CALI, controls && { interfaceName: CALI, controls, origin: origin("a test") });
  };
});

afterEach(async () => {
  expect(refusals).toEqual([]);
  await scope.close();
  await lab.close();
});

/** Resolves when a process has written this. */
async function says(child: ChildProcess, text: string): Promise<void> {
  let heard = "";
  await new Promise<void>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk) => {
        heard += String(chunk);
        if (heard.includes(text)) resolve();
      });
    }
  });
}

async function serve(...options: string[]): Promise<ChildProcess> {
  const server = lab.spawn("outside", "iperf3", "--server", "--forceflush", ...options);
  await says(server, "Server listening");
  return server;
}

/** Bits a second that a TCP connection of the pod gets through: from it, or with `-R` to it. */
async function throughput(...options: string[]): Promise<number> {
  // One for each: who has just served may still be busy with it.
  const server = await serve("--one-off");
  const ended = once(server, "close");
  const report = await lab.run("pod", "iperf3", "-c", OUTSIDE, "-t", "2", "-O", "1", "-J", ...options);
  await ended;
  const received = JSON.parse(report).end.sum_received;
  if (received === undefined) throw new Error(report);
  return Number(received.bits_per_second);
}

/** Never more, and, if the machine gives it the time, not less. What iperf3 counts is without headers: a twentieth less. */
async function keepsTo(rate: number, ...options: string[]): Promise<void> {
  let best = 0;
  for (let attempt = 0; attempt < 3 && best < 0.9 * rate; attempt++) {
    const got = await throughput(...options);
    expect(got).toBeLessThan(1.1 * rate);
    best = Math.max(best, got);
  }
  expect(best).toBeGreaterThan(0.9 * rate);
}

const MEGABIT = 1_000_000;

describe("a workload's traffic, really", () => {
  it("keeps to its bandwidths in both directions, and is free again without them", async () => {
    limit({
      egressBandwidth: 10 * MEGABIT,
      egressBurst: 200_000,
      ingressBandwidth: 20 * MEGABIT,
      ingressBurst: 200_000,
    });
    await keepsTo(10 * MEGABIT);
    await keepsTo(20 * MEGABIT, "-R");
    limit(undefined);
    expect(await throughput("-O", "0", "-t", "1")).toBeGreaterThan(200 * MEGABIT);
    expect(lab.kernel.qdiscs()).toEqual([]);
  });

  it("keeps to its packet rates: those of what it sends and of what it is sent", async () => {
    const ping = async () => {
      const output = await lab.run("pod", "ping", "-q", "-c", "200", "-i", "0.002", "-W", "0.2", OUTSIDE);
      const [, received = "0", milliseconds = "0"] = /(\d+) received, .* time (\d+)ms/.exec(output) ?? [];
      return { received: Number(received), seconds: Number(milliseconds) / 1000 };
    };
    expect((await ping()).received).toBe(200);
    for (const stored of [
      { egressPacketRate: 100, egressPacketBurst: 10 },
      { ingressPacketRate: 100, ingressPacketBurst: 10 },
    ]) {
      limit(stored);
      const { received, seconds } = await ping();
      expect(received).toBeGreaterThan(seconds * 100 * 0.8);
      expect(received).toBeLessThan(seconds * 100 * 1.1 + 10);
    }
    limit(undefined);
    expect((await ping()).received).toBe(200);
  });

  it("has no more connections than it may: one more is reset, and may come when another has gone", async () => {
    await serve();
    limit({ egressMaxConnections: 3 });
    const script = `
      try() { { exec {fd}<>/dev/tcp/${OUTSIDE}/5201; } 2>/dev/null && echo open $fd || echo refused; }
      try; first=$fd; try; try; try; try
      exec {first}>&-
      until [ "$(try)" != refused ]; do :; done
      echo again`;
    const started = Date.now();
    const said = await lab.run("pod", "timeout", "5", "bash", "-c", script);
    expect(said.replaceAll(/ \d+/g, "").trim().split("\n")).toEqual([
      "open",
      "open",
      "open",
      "refused",
      "refused",
      "again",
    ]);
    // A reset is answered at once, a lost SYN would be sent again after a second.
    expect(Date.now() - started).toBeLessThan(900);
  });

  it("is not limited by connections to it beyond its number, and not to others", async () => {
    const pod = lab.spawn("pod", "iperf3", "--server", "--forceflush");
    await says(pod, "Server listening");
    limit({ ingressMaxConnections: 2 });
    const script = `
      try() { { exec {fd}<>/dev/tcp/${POD}/5201; } 2>/dev/null && echo open || echo refused; }
      try; try; try`;
    expect((await lab.run("outside", "bash", "-c", script)).trim().split("\n")).toEqual(["open", "open", "refused"]);
    // What the host itself sends is not counted: probes.
    expect((await lab.run("host", "bash", "-c", script)).trim().split("\n")).toEqual(["open", "open", "open"]);
  });

  it("is marked where it leaves the cluster, and only there", async () => {
    const seen = async (inside: string) => {
      limit({ dscp: "EF" }, inside);
      const dump = lab.spawn("outside", "tcpdump", "-i", "eth0", "-n", "-v", "-l", "-c", "1", "icmp");
      await says(dump, "listening on");
      const told = new Promise<string>((resolve) => dump.stdout?.once("data", (chunk) => resolve(String(chunk))));
      await lab.run("pod", "ping", "-c", "1", OUTSIDE);
      return await told;
    };
    expect(await seen("10.65.0.0/24")).toContain("tos 0xb8");
    limit(undefined);
    expect(await seen("192.0.2.0/24")).toContain("tos 0x0,");
  });
});
