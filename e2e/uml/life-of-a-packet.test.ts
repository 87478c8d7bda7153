import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { typed } from "../support/calico-words.ts";
import { eventually, pingCounts, TestLab } from "../support/lab.ts";

const SCENARIO = fileURLToPath(new URL("../../packages/lab/topologies/ipip.yaml", import.meta.url));
const [LOCAL, REMOTE] = ["busybox-deployment-8c7dc8548-x6ljh", "busybox-deployment-8c7dc8548-btnkv"];

/** "Life of a Packet in Kubernetes, part 2": IPIP, then IPIP switched off by calicoctl. */
describe("the walk-through of IPIP and of its end", () => {
  const lab = new TestLab(readFileSync(SCENARIO, "utf8"));
  beforeAll(() => lab.up());
  afterAll(async () => {
    expect(await lab.down()).toEqual([]);
  });

  const routes = (node: string) => lab.out(node, "ip", "route");

  it("each node has the other's block behind tunl0, and its own as a blackhole", async () => {
    await eventually(
      () => routes("controlplane"),
      (text) => /^192\.168\.196\.128\/26 via 172\.17\.0\.40 dev tunl0 proto bird onlink\s*$/m.test(text),
      60_000,
    );
    await eventually(
      () => routes("node01"),
      (text) => /^192\.168\.49\.64\/26 via 172\.17\.0\.32 dev tunl0 proto bird onlink\s*$/m.test(text),
      60_000,
    );
    const text = await routes("controlplane");
    expect(text).toMatch(/^blackhole 192\.168\.49\.64\/26 proto bird\s*$/m);
    expect(text).toMatch(/^192\.168\.49\.65 dev cali[0-9a-f]{11} scope link\s*$/m);
    expect(text).toMatch(/^172\.17\.0\.0\/16 dev ens3 proto kernel scope link src 172\.17\.0\.32\s*$/m);
  });

  it("pods reach each other with ttl 62, and know 169.254.1.1 as ee:ee:ee:ee:ee:ee", async () => {
    const { stdout } = await lab.exec(LOCAL, "ping", "-c", "1", "-W", "2", lab.address(REMOTE));
    expect(stdout).toContain("ttl=62");
    expect(await lab.out(LOCAL, "ip", "neigh")).toMatch(/169\.254\.1\.1 dev eth0 lladdr ee:ee:ee:ee:ee:ee/);
  });

  it("ipipMode becomes Never in a file, calicoctl applies it, and the device is ens3", async () => {
    expect(
      typed(
        lab,
        "calicoctl get ippool default-ipv4-ippool -o yaml > ippool.yaml",
        "sed -i 's/ipipMode: Always/ipipMode: Never/' ippool.yaml",
        "calicoctl apply -f ippool.yaml",
      ),
    ).toBe("Successfully applied 1 'IPPool' resource(s)\n");
    await eventually(
      () => routes("controlplane"),
      (text) => /^192\.168\.196\.128\/26 via 172\.17\.0\.40 dev ens3 proto bird\s*$/m.test(text),
      30_000,
    );
    const capture = await lab.capture("controlplane", "ens3", "ip proto 4 or icmp");
    const { stdout } = await lab.exec(LOCAL, "ping", "-c", "1", "-W", "2", lab.address(REMOTE));
    await capture.stop();
    expect(pingCounts(stdout)).toEqual({ sent: 1, received: 1 });
    expect(await capture.read("ip.proto == 4", "ip.src")).toEqual([]);
    expect(await capture.read("icmp", "ip.src", "ip.dst")).toHaveLength(2);
    capture.forget();
  });
});
