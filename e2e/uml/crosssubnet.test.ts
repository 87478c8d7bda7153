import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pingCounts, TestLab } from "../support/lab.ts";

const yaml = readFileSync(new URL("../../packages/lab/topologies/crosssubnet.yaml", import.meta.url), "utf8");
const lab = new TestLab(yaml);
beforeAll(() => lab.up());
afterAll(() => lab.down());

describe("the network of two subnets", () => {
  it("is routed within one, and tunnelled across the router", async () => {
    const routes = await lab.out("node-a", "ip", "route");
    expect(routes).toMatch(/172\.17\.\d+\.\d+\/26 via 192\.168\.100\.101 dev ens33 proto bird/);
    expect(routes).toMatch(/172\.17\.\d+\.\d+\/26 via 192\.168\.200\.101 dev tunl0 proto bird onlink/);
  });

  it("carries packets as its routes say", async () => {
    const capture = await lab.capture("node-a", "ens33", "ip");
    try {
      for (const pod of ["pod-b", "pod-c"]) {
        const { stdout } = await lab.exec("pod-a", "ping", "-c", "1", "-W", "5", lab.address(pod));
        expect(pingCounts(stdout), stdout).toEqual({ sent: 1, received: 1 });
      }
      await capture.stop();
      expect(await capture.read("icmp.type == 8", "frame.protocols", "ip.dst")).toEqual([
        `eth:ethertype:ip:icmp:data\t${lab.address("pod-b")}`,
        `eth:ethertype:ip:ip:icmp:data\t192.168.200.101,${lab.address("pod-c")}`,
      ]);
    } finally {
      capture.forget();
    }
  });
});
