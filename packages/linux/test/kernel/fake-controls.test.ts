import { parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { FakeKernel, FakeNetwork, type KernelEvent, type KernelOperation } from "../../src/kernel/index.ts";

const blackhole = (destination: string): KernelOperation => ({
  op: "route.replace",
  route: {
    kind: "blackhole",
    destination: parsePrefix(destination),
    table: 254,
    protocol: 12,
    scope: 0,
    metric: 0,
    preferredSource: undefined,
    nextHops: [],
    mtu: undefined,
  },
});

describe("the fake kernel's controls", () => {
  it("count writes that reach the kernel: refused ones too, reads and impossible ones not", () => {
    const kernel = new FakeKernel();
    kernel.apply([blackhole("10.0.0.0/24"), { op: "link.delete", index: 999 }, { op: "link.bridge", name: "no/name" }]);
    kernel.routes(4);
    expect(kernel.writes).toBe(2);
    expect(kernel.written.map((operation) => operation.op)).toEqual(["route.replace", "link.delete"]);
    kernel.writeSysctl("net/ipv4/ip_forward", "1");
    kernel.nftCommit(Uint8Array.of(1));
    expect(kernel.writes).toBe(4);
    expect(kernel.transactions).toEqual([Uint8Array.of(1)]);
  });

  it("let a fault hit what it chooses, until it is taken out", () => {
    const kernel = new FakeKernel();
    const stop = kernel.injectFault((operation) =>
      operation.op === "route.replace" && operation.route.destination.length === 26
        ? { errno: "ENOMEM", number: 12, message: "injected" }
        : undefined,
    );
    const operations = [blackhole("10.0.0.0/26"), blackhole("10.1.0.0/24")];
    expect(kernel.apply(operations).map((outcome) => outcome?.errno)).toEqual(["ENOMEM", undefined]);
    expect(kernel.routes(4)).toHaveLength(1);
    stop();
    expect(kernel.apply(operations)).toEqual([undefined, undefined]);
  });

  it("a second handle on the namespace is somebody else: same state, own counter", async () => {
    const namespace = new FakeNetwork().namespace();
    const ours = new FakeKernel(namespace);
    const theirs = new FakeKernel(namespace);
    const told: KernelEvent[] = [];
    ours.monitor(["route"], (events) => told.push(...events));
    theirs.apply([blackhole("10.0.0.0/24")]);
    await Promise.resolve();
    expect(told).toMatchObject([{ type: "route" }]);
    expect([ours.writes, theirs.writes, ours.routes(4).length]).toEqual([0, 1, 1]);
  });

  it("an overflow loses what was due and says resync", async () => {
    const kernel = new FakeKernel();
    const calls: (readonly KernelEvent[])[] = [];
    kernel.monitor(["route"], (events) => calls.push(events));
    kernel.apply([blackhole("10.0.0.0/24")]);
    kernel.overflowMonitors();
    await Promise.resolve();
    await Promise.resolve();
    expect(calls.flat()).toEqual([{ type: "resync" }]);
  });

  it("descriptors mean something in one network only", () => {
    const kernel = new FakeKernel();
    const veth = (namespaceFd: number): KernelOperation => ({
      op: "link.veth",
      veth: { name: "cali0", peer: { name: "eth0", namespaceFd } },
    });
    expect(kernel.apply([veth(7)])[0]?.errno).toBe("EBADF");
    expect(kernel.links()).toHaveLength(1);
  });

  it("an nf_tables of the test's own can refuse, and answer; without one a query is refused", () => {
    const kernel = new FakeKernel();
    expect(() => kernel.nftQuery(new Uint8Array())).toThrow(expect.objectContaining({ errno: "EOPNOTSUPP" }));
    kernel.nft = {
      commit() {
        throw new RangeError("refused");
      },
      query: () => [{ type: 1, payload: Uint8Array.of(9) }],
    };
    expect(() => kernel.nftCommit(Uint8Array.of(1))).toThrow(RangeError);
    expect(kernel.transactions).toEqual([]);
    expect(kernel.nftQuery(new Uint8Array())).toHaveLength(1);
  });

  it("a closed handle is EBADF, and its monitors are silent", async () => {
    const namespace = new FakeNetwork().namespace();
    const closed = new FakeKernel(namespace);
    const calls: (readonly KernelEvent[])[] = [];
    closed.monitor(["route"], (events) => calls.push(events));
    closed.close();
    expect(() => closed.links()).toThrow(expect.objectContaining({ errno: "EBADF" }));
    new FakeKernel(namespace).apply([blackhole("10.0.0.0/24")]);
    await Promise.resolve();
    expect(calls).toEqual([]);
  });
});
