import { Scope, silentLogger, TestClock } from "@ocicat/kit";
import { FakeKernel, type KernelOperation } from "@ocicat/linux/kernel";
import { formatAddress, ipv4, type Mac, Prefix, parseAddress, parseMac } from "@ocicat/net";
import type { DesiredRoute, Vtep } from "@ocicat/routing";
import { describe, expect, it } from "vitest";
import { farEndMissing, VtepReconciler } from "../../src/program/vtep-reconciler.ts";

const PERMANENT = 0x80;

function must(kernel: FakeKernel, ...operations: KernelOperation[]): void {
  expect(kernel.apply(operations).filter((outcome) => outcome !== undefined)).toEqual([]);
}

function mac(index: number): Mac {
  return parseMac(
    `66:00:00:00:${(index >> 8).toString(16).padStart(2, "0")}:${(index & 255).toString(16).padStart(2, "0")}`,
  );
}

function vtep(index: number): Vtep {
  return {
    tunnel: "vxlan",
    node: `node${index}`,
    address: ipv4(0x0af40000 + index * 64),
    mac: mac(index),
    nodeAddress: ipv4(0xc0a80000 + index),
    origin: { reason: "a test wants it", resources: [] },
  };
}

function device(kernel: FakeKernel): number {
  must(kernel, { op: "link.vxlan", vxlan: { name: "vxlan.calico", id: 4096, port: 4789 } });
  const index = kernel.link("vxlan.calico")?.index ?? 0;
  must(kernel, { op: "link.set", index, change: { up: true } });
  return index;
}

function reconcilerOf(kernel: FakeKernel) {
  const deferred: (() => void)[] = [];
  const clock = new TestClock();
  let known = 0;
  const reconciler = new VtepReconciler({
    kernel,
    clock,
    logger: silentLogger,
    scope: new Scope("test"),
    refreshMs: 90_000,
    onKnown: () => {
      known += 1;
    },
    defer: (work) => deferred.push(work),
  });
  /** Lets the kernel's notifications come and what was deferred run, until it is quiet. */
  const settle = async () => {
    for (let quiet = 0; quiet < 3; quiet++) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      for (let work = deferred.shift(); work !== undefined; work = deferred.shift()) {
        quiet = 0;
        work();
      }
    }
  };
  return { reconciler, clock, settle, turns: () => deferred.length, known: () => known };
}

function entries(kernel: FakeKernel): string[] {
  return [
    ...kernel.neighbours().map(({ address, mac: to }) => `${formatAddress(address)} → ${to}`),
    ...kernel
      .forwardingEntries()
      .map(({ mac: of, destination }) => (destination === undefined ? of : `${of} → ${formatAddress(destination)}`)),
  ].sort();
}

const ONE = ["10.244.0.64 → 66:00:00:00:00:01", "66:00:00:00:00:01 → 192.168.0.1"];

describe("the far ends of a VXLAN", () => {
  it("are two permanent entries each, and gone with their node", async () => {
    const kernel = new FakeKernel();
    device(kernel);
    const { reconciler, settle, known } = reconcilerOf(kernel);
    reconciler.start();
    reconciler.setDesired("vxlan node1", vtep(1));
    await settle();
    expect(entries(kernel)).toEqual(ONE);
    expect(kernel.neighbours()[0]?.state).toBe(PERMANENT);
    expect(known()).toBe(1);
    reconciler.setDesired("vxlan node1", undefined);
    await settle();
    expect(entries(kernel)).toEqual([]);
  });

  it("that an earlier run left are not written again, nor taken away for a moment", async () => {
    const kernel = new FakeKernel();
    device(kernel);
    const first = reconcilerOf(kernel);
    first.reconciler.start();
    first.reconciler.setDesired("vxlan node1", vtep(1));
    await first.settle();
    const before = kernel.written.length;
    const second = reconcilerOf(kernel);
    second.reconciler.setDesired("vxlan node1", vtep(1));
    second.reconciler.start();
    await second.settle();
    expect(kernel.written.length).toBe(before);
  });

  it("are on a device that is made later, or again, as well", async () => {
    const kernel = new FakeKernel();
    const { reconciler, settle } = reconcilerOf(kernel);
    reconciler.start();
    reconciler.setDesired("vxlan node1", vtep(1));
    await settle();
    expect(entries(kernel)).toEqual([]);
    const index = device(kernel);
    await settle();
    expect(entries(kernel)).toEqual(ONE);
    must(kernel, { op: "link.delete", index });
    device(kernel);
    await settle();
    expect(entries(kernel)).toEqual(ONE);
  });

  it("are mended at once where the kernel tells, at the refresh where it does not; strangers' go", async () => {
    const kernel = new FakeKernel();
    const linkIndex = device(kernel);
    const { reconciler, settle, clock } = reconcilerOf(kernel);
    reconciler.start();
    reconciler.setDesired("vxlan node1", vtep(1));
    await settle();
    const { address } = vtep(1);
    must(kernel, {
      op: "neighbour.delete",
      neighbour: { linkIndex, address, mac: undefined, state: PERMANENT },
    });
    await settle();
    expect(entries(kernel)).toEqual(ONE);
    const stray = { linkIndex, mac: mac(9), destination: parseAddress("192.168.0.9") };
    const own = { linkIndex, mac: mac(1), destination: parseAddress("192.168.0.1") };
    must(kernel, { op: "fdb.delete", entry: own }, { op: "fdb.replace", entry: stray });
    clock.advance(90_000);
    await settle();
    expect(entries(kernel)).toEqual(ONE);
  });

  it("of a thousand nodes are written a slice a turn", async () => {
    const kernel = new FakeKernel();
    device(kernel);
    const { reconciler, settle, turns } = reconcilerOf(kernel);
    reconciler.start();
    await settle();
    for (let index = 1; index <= 1_000; index++) reconciler.setDesired(`vxlan node${index}`, vtep(index));
    expect(turns()).toBe(1);
    await settle();
    expect(kernel.neighbours()).toHaveLength(1_000);
    expect(kernel.forwardingEntries()).toHaveLength(1_000);
    expect(reconciler.writes).toBe(2_000);
  });

  it("that the kernel refuses are tried again, and routes to them wait", async () => {
    const kernel = new FakeKernel();
    device(kernel);
    const { reconciler, settle, clock } = reconcilerOf(kernel);
    const route: DesiredRoute = {
      kind: "via",
      destination: Prefix.of(vtep(1).address, 26),
      via: vtep(1).address,
      device: "vxlan.calico",
      onlink: true,
      protocol: 3,
      origin: { reason: "a test wants it", resources: [] },
    };
    const mend = kernel.injectFault(({ op }) =>
      op === "neighbour.replace" ? { errno: "ENOBUFS", number: 105, message: "" } : undefined,
    );
    reconciler.start();
    reconciler.setDesired("vxlan node1", vtep(1));
    await settle();
    expect(farEndMissing(route, reconciler)).toBe("vxlan.calico does not know 10.244.0.64 yet");
    mend();
    clock.advance(1_000);
    await settle();
    expect(farEndMissing(route, reconciler)).toBeUndefined();
    expect(farEndMissing({ ...route, device: "tunl0" }, reconciler)).toBeUndefined();
  });
});
