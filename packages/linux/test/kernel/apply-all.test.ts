import { parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { applyAll, FakeKernel, KernelError, type KernelOperation } from "../../src/kernel/index.ts";

const route = (destination: string, metric: number): KernelOperation => ({
  op: "route.delete",
  route: {
    kind: "blackhole",
    destination: parsePrefix(destination),
    table: 254,
    protocol: 12,
    scope: 0,
    metric,
    preferredSource: undefined,
    nextHops: [],
    mtu: undefined,
  },
});

describe("applyAll", () => {
  it("throws the first refusal with what was asked, and the kernel's own words", () => {
    const kernel = new FakeKernel();
    kernel.injectFault(() => ({ errno: "ENETUNREACH", number: 101, message: "Nexthop has invalid gateway" }));
    const attempt = () => applyAll(kernel, [route("10.244.0.0/26", 5)]);
    expect(attempt).toThrow(KernelError);
    expect(attempt).toThrow(
      "route.delete blackhole 10.244.0.0/26 table 254 metric 5 failed with ENETUNREACH (kernel: Nexthop has invalid gateway)",
    );
  });

  it("leaves what was accepted done", () => {
    const kernel = new FakeKernel();
    const operations: KernelOperation[] = [
      { op: "link.bridge", name: "octa" },
      { op: "link.delete", index: 99 },
      { op: "link.bridge", name: "octb" },
    ];
    expect(() => applyAll(kernel, operations)).toThrow(/link.delete link 99 failed with ENODEV/);
    expect(kernel.links().map((link) => link.name)).toEqual(["lo", "octa", "octb"]);
  });
});
