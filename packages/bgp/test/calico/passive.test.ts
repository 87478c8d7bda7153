import { formatAddress, ipv4 } from "@ocicat/net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isPassive } from "../../src/index.ts";

describe("Calico's rule of who dials", () => {
  it("in the seeds' network: node1 waits for node2 and dials master", () => {
    expect(isPassive("192.168.0.81", "192.168.0.82")).toBe(true);
    expect(isPassive("192.168.0.81", "192.168.0.80")).toBe(false);
  });

  it("compares strings: 10.0.0.9 dials 10.0.0.10", () => {
    expect(isPassive("10.0.0.10", "10.0.0.9")).toBe(true);
    expect(isPassive("10.0.0.9", "10.0.0.10")).toBe(false);
  });

  it("of any two nodes exactly one dials", () => {
    const ip = fc.integer({ min: 0, max: 0xffff_ffff }).map((value) => formatAddress(ipv4(value)));
    fc.assert(
      fc.property(ip, ip, (a, b) => {
        fc.pre(a !== b);
        expect(isPassive(a, b)).not.toBe(isPassive(b, a));
      }),
      { seed: 1 },
    );
  });
});
