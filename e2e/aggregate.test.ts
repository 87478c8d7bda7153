import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, OCICAT, pingCounts, TestLab } from "./support/lab.ts";

/** Four blocks of four addresses: the first node needs three of them, of which two are halves of one. */
const PODS = Array.from({ length: 9 }, (_, index) => `one${index}`);
const TOPOLOGY = `
segments: [lan]
routers:
  - { name: tor, interfaces: [{ segment: lan, address: 10.0.1.1/24 }] }
nodes:
  - { name: node1, segment: lan, address: 10.0.1.11/24, gateway: 10.0.1.1 }
  - { name: node2, segment: lan, address: 10.0.1.12/24, gateway: 10.0.1.1 }
datastore: node1
pools:
  - { name: tiny, cidr: 10.244.0.0/28, blockSize: 30, ipipMode: Never, vxlanMode: Never, natOutgoing: true }
pods:
  - { name: two, node: node2 }
${PODS.map((name) => `  - { name: ${name}, node: node1 }`).join("\n")}
`;

const lab = new TestLab(TOPOLOGY, ["env", "OCICAT_BGP_AGGREGATE_BLOCKS=true", process.execPath, OCICAT]);

beforeAll(() => lab.up());
afterAll(async () => {
  expect(await lab.down()).toEqual([]);
});

describe("blocks of a node that lie side by side", () => {
  it("are one route on the others, every pod is reached, and no other node's block is covered", async () => {
    const routes = await eventually(
      () => lab.out("node2", "ip", "route"),
      (text) => /^10\.244\.0\.\d+\/29 via 10\.0\.1\.11 /m.test(text) && !text.includes("/30 via 10.0.1.12"),
      30_000,
    );
    const learned = [...routes.matchAll(/^(10\.244\.0\.\d+\/\d+) via 10\.0\.1\.11 /gm)].map(
      ([, prefix = ""]) => prefix,
    );
    expect(learned.map((prefix) => prefix.split("/")[1]).sort()).toEqual(["29", "30"]);
    for (const pod of [...PODS, "two"]) {
      const from = pod === "two" ? "one0" : "two";
      const { stdout } = await lab.exec(from, "ping", "-c", "1", "-W", "2", lab.address(pod));
      expect(pingCounts(stdout).received, `${from} to ${pod}`).toBe(1);
    }
    expect(lab.ocicat("bgp", "routes", "10.244.0.0/28", "--best").stdout).toContain(
      "blocks side by side, announced as one",
    );
  });
});
