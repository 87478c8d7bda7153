import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pingCounts, TestLab } from "./support/lab.ts";

/** What comes up as `lab up --scenario NAME`. */
function scenario(name: string): TestLab {
  return new TestLab(readFileSync(new URL(`../packages/lab/topologies/${name}.yaml`, import.meta.url), "utf8"));
}

describe("the network of the full mesh", () => {
  const lab = scenario("bgp");
  const [ours, theirs] = ["cni-test-777bbd57c8-ggfsp", "cni-test-777bbd57c8-gxv5q"] as const;
  beforeAll(() => lab.up());
  afterAll(() => lab.down());

  it("has the walk-through's routes: a black hole, the pod, and the others' blocks through ens33", async () => {
    const routesNow = () => lab.out("node1.whale.com", "ip", "route");
    // BGP brings the others' when it has converged.
    await expect.poll(routesNow, { timeout: 20_000 }).toMatch(/26 via [\s\S]*26 via /);
    const routes = await routesNow();
    expect(routes).toMatch(/blackhole 10\.244\.\d+\.\d+\/26 proto bird/);
    // The interface has the walk-through's very name: it follows from the pod's.
    expect(routes).toContain(`${lab.address(ours)} dev cali2009c1121bd scope link`);
    expect(routes).toMatch(/10\.244\.\d+\.\d+\/26 via 192\.168\.0\.80 dev ens33 proto bird/);
    expect(routes).toMatch(/10\.244\.\d+\.\d+\/26 via 192\.168\.0\.82 dev ens33 proto bird/);
  });

  it("carries a ping over two routers, in nothing", async () => {
    const capture = await lab.capture("node1.whale.com", "ens33", "ip");
    try {
      const ping = await lab.out(ours, "ping", "-c", "1", lab.address(theirs));
      expect(ping).toContain("ttl=62");
      await capture.stop();
      expect(await capture.read("icmp.type == 8", "frame.protocols", "ip.ttl")).toEqual([
        "eth:ethertype:ip:icmp:data\t63",
      ]);
    } finally {
      capture.forget();
    }
  });
});

describe("the network of one node's pods", () => {
  const lab = scenario("same-node");
  beforeAll(() => lab.up());
  afterAll(() => lab.down());

  it("carries a ping over one router", async () => {
    const ping = await lab.out("app-worker2-a", "ping", "-c", "1", lab.address("app-worker2-b"));
    expect(ping).toContain("ttl=63");
  });

  it("has a gateway that answers ARP, with the MAC of all e, and no ping", async () => {
    const arping = await lab.out("app-worker2-a", "arping", "-c", "1", "-I", "eth0", "169.254.1.1");
    expect(arping).toMatch(/ee:ee:ee:ee:ee:ee/i);
    const { stdout } = await lab.exec("app-worker2-a", "ping", "-c", "1", "-W", "1", "169.254.1.1");
    expect(pingCounts(stdout)).toEqual({ sent: 1, received: 0 });
    expect(await lab.out("calico-ipip-worker2", "ip", "address")).not.toContain("169.254.1.1");
  });
});
