import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { allSwitches, type Mode, ModeLab } from "./support/modes.ts";
import { switchUnderPings, switchUnderStreams, switchWithOneLate } from "./support/switch-under-traffic.ts";

/** What this machine's kernel can do; IPIP's share is in e2e/uml. */
const HERE: readonly Mode[] = ["never", "vxlan-always", "vxlan-cross"];

const lab = new ModeLab("never");
beforeAll(async () => {
  await lab.up();
  await lab.filterStrictly();
});
afterAll(async () => {
  expect(await lab.down()).toEqual([]);
});

describe("a pool's mode, changed while packets flow", () => {
  const switches = allSwitches(HERE);

  it.each(switches.slice(1).map((to, index) => [switches[index] ?? to, to] as const))(
    "%s → %s loses no ping, at one a millisecond, in either direction",
    (from, to) => switchUnderPings(lab, from, to),
  );

  it("waits for a node that sees it late, and takes what that one still sends the old way", async () => {
    lab.apply("never");
    await lab.settled("never");
    await lab.tidied("never");
    await switchWithOneLate(lab, "never", "vxlan-always");
    await switchWithOneLate(lab, "vxlan-always", "never");
  });

  it("cuts no TCP stream, changes no byte of it, and holds none up", async () => {
    await switchUnderStreams(lab, ["vxlan-always", "never", "vxlan-always", "never"], { delayMs: 200 });
    lab.apply("vxlan-cross");
    await lab.settled("vxlan-cross");
    await switchUnderStreams(lab, ["vxlan-always", "vxlan-cross", "vxlan-always"], { delayMs: 200 });
  });

  it("leaves neither device nor address behind once no pool calls for them", async () => {
    lab.apply("never");
    await lab.settled("never");
    await lab.tidied("never");
    expect(lab.ocicat("ipam", "show", "--show-blocks").stdout).toContain("10.244.0.0/16");
    for (const name of ["node1", "node2", "node3"]) {
      expect(lab.node(name).spec.ipv4VXLANTunnelAddr ?? "").toBe("");
      expect(lab.node(name).metadata.annotations?.["ocicat.io/sends-by"]).toBe("");
    }
  });
});
