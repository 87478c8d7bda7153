import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { allSwitches, MODES, type Mode, ModeLab } from "../support/modes.ts";
import { switchUnderPings, switchUnderStreams, switchWithOneLate } from "../support/switch-under-traffic.ts";

const ALL = Object.keys(MODES) as Mode[];

const lab = new ModeLab("never");
beforeAll(async () => {
  await lab.up();
  await lab.filterStrictly();
});
afterAll(async () => {
  expect(await lab.down()).toEqual([]);
});

describe("a pool's mode, changed while packets flow", () => {
  const switches = allSwitches(ALL);

  it("is switched from each to each other", () => {
    expect(new Set(switches.slice(1).map((to, index) => `${switches[index]} ${to}`)).size).toBe(20);
  });

  it.each(switches.slice(1).map((to, index) => [switches[index] ?? to, to] as const))(
    "%s → %s loses no ping, at one a millisecond, in either direction",
    (from, to) => switchUnderPings(lab, from, to),
  );

  it("waits for a node that sees it late, and takes what that one still sends the old way", async () => {
    lab.apply("never");
    await lab.settled("never");
    await lab.tidied("never");
    await switchWithOneLate(lab, "never", "ipip-always");
    await switchWithOneLate(lab, "ipip-always", "never");
  });

  it("cuts no TCP stream, changes no byte of it, and holds none up", async () => {
    lab.apply("ipip-always");
    await lab.settled("ipip-always");
    await switchUnderStreams(lab, ["vxlan-always", "ipip-cross", "vxlan-cross", "ipip-always"], { delayMs: 200 });
  });

  it("leaves neither device nor address behind once no pool calls for them", async () => {
    lab.apply("never");
    await lab.settled("never");
    await lab.tidied("never");
    for (const name of ["node1", "node2", "node3"]) {
      expect(lab.node(name).spec.bgp?.ipv4IPIPTunnelAddr ?? "").toBe("");
      expect(lab.node(name).spec.ipv4VXLANTunnelAddr ?? "").toBe("");
    }
  });
});
