import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, pingCounts, TestLab } from "./support/lab.ts";

const SCENARIO = fileURLToPath(new URL("../packages/lab/topologies/vxlan.yaml", import.meta.url));

/** "Life of a Packet in Kubernetes, part 2": VXLAN without BGP. Its first half needs IPIP: e2e/uml. */
describe("the walk-through of VXLAN", () => {
  const lab = new TestLab(readFileSync(SCENARIO, "utf8"));
  beforeAll(() => lab.up());
  afterAll(async () => {
    expect(await lab.down()).toEqual([]);
  });

  it("the other node's block lies behind its vxlan.calico, whose address is the block's first", async () => {
    for (const [name, own, other] of [
      ["controlplane", "192.168.49.65", "192.168.196.128"],
      ["node01", "192.168.196.129", "192.168.49.64"],
    ] as const) {
      const text = await eventually(
        () => lab.out(name, "ip", "route"),
        (lines) => lines.includes(`\n${other}/26 via ${other} dev vxlan.calico onlink`),
      );
      expect(text).toMatch(new RegExp(`^${own} dev cali[0-9a-f]{11} scope link\\s*$`, "m"));
      expect(await lab.out(name, "ss", "-Hltn", "sport", "=", "179")).toBe("");
    }
  });

  it("vxlan.calico is up with a /32 of the block and a MAC that begins with 66", async () => {
    for (const { name } of lab.topology.nodes) {
      const text = await lab.out(name, "ip", "addr", "show", "dev", "vxlan.calico");
      expect(text).toMatch(/<BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450/);
      expect(text).toMatch(/link\/ether 66:/);
      expect(text).toMatch(/inet 192\.168\.\d+\.\d+\/32 scope global vxlan\.calico/);
    }
  });

  it("pods of both nodes reach each other, in UDP packets to port 4789", async () => {
    const [from, to] = lab.topology.pods;
    if (from === undefined || to === undefined) throw new Error("the scenario has two pods");
    const capture = await lab.capture(from.node, "ens3", "udp");
    const { stdout } = await lab.exec(from.name, "ping", "-c", "1", "-W", "2", lab.address(to.name));
    await capture.stop();
    expect(pingCounts(stdout)).toEqual({ sent: 1, received: 1 });
    expect(await capture.read("vxlan && icmp", "udp.dstport", "vxlan.vni")).toEqual(["4789\t4096", "4789\t4096"]);
    capture.forget();
    expect(await lab.out(from.name, "ip", "neigh")).toMatch(/169\.254\.1\.1 dev eth0 lladdr ee:ee:ee:ee:ee:ee/);
  });
});
