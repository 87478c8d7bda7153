import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, TestLab } from "./support/lab.ts";
import { SteadyPing } from "./support/steady-ping.ts";

/** What nobody can read, as a careless hand or a half-written migration leaves it. */
const BAD: Readonly<Record<string, string>> = {
  "/calico/resources/v3/projectcalico.org/ippools/broken": '{"kind":"IPPool","metadata":{"name":"broken"},"spec":',
  "/calico/resources/v3/projectcalico.org/ippools/typed": '{"kind":"IPPool","metadata":7}',
  "/calico/resources/v3/projectcalico.org/bgppeers/broken": "",
  "/calico/resources/v3/projectcalico.org/nodes/broken": "\u0000\u0001 not JSON at all",
};
const KEYS = Object.keys(BAD).sort();
/** Agents read others' blocks where a pool is routed by them, and when they look for room. */
const BLOCK = "/calico/ipam/v2/assignment/ipv4/block/10.244.77.0-26";

const lab = new TestLab();

beforeAll(() => lab.up());
afterAll(async () => {
  expect(await lab.down()).toEqual([]);
});

/** The keys that an agent says it cannot read. */
async function unreadable(node: string): Promise<readonly string[]> {
  return Object.keys((await lab.agent(node, "/unreadable")) as Readonly<Record<string, string>>).sort();
}

const NODES = ["master", "node1", "node2"];

describe("values that cannot be read", () => {
  it("are named by every agent and command, which go on with all others; no packet is lost, and they can be taken away", async () => {
    const ping = new SteadyPing(lab, "pod1", lab.address("pod2"));
    const routes = await lab.out("node1", "ip", "route");
    const pools = lab.ocicat("get", "ippool");
    for (const [key, value] of Object.entries(BAD)) await lab.store.put(key, value);
    await lab.store.put(BLOCK, "[]");

    for (const node of NODES) {
      await eventually(
        () => unreadable(node),
        (keys) => KEYS.every((key) => keys.includes(key)),
      );
    }
    expect(await lab.out("node1", "ip", "route")).toBe(routes);

    // All others are told, and the exit code says that it is not all.
    const listed = lab.ocicat("get", "ippool");
    expect([listed.code, listed.stdout]).toEqual([1, pools.stdout]);
    for (const name of ["broken", "typed"]) {
      const key = `/calico/resources/v3/projectcalico.org/ippools/${name}`;
      expect(listed.stderr).toMatch(new RegExp(`${key} is left out, for it cannot be read: .+`));
    }
    const nodes = lab.ocicat("get", "nodes");
    expect(nodes.code).toBe(1);
    expect(nodes.stdout).toContain("node2");
    expect(nodes.stderr).toContain("/calico/resources/v3/projectcalico.org/nodes/broken is left out");
    const named = lab.ocicat("get", "ippool", "broken");
    expect(named.code).toBe(1);
    expect(named.stderr).toContain("ippools/broken");
    const blocks = lab.ocicat("ipam", "show", "--show-blocks");
    expect(blocks.code).toBe(1);
    expect(blocks.stdout).toContain("10.244.");
    expect(blocks.stderr).toContain(`${BLOCK} is left out, for it cannot be read`);

    // A pod comes, with the bad block there.
    const pod = await lab.lab.run("late", "default", "node1");
    const address = pod.addresses[0] ?? "";
    await eventually(
      () => lab.exec("pod2", "ping", "-n", "-c", "1", "-W", "1", address),
      ({ code }) => code === 0,
    );
    // An agent starts with them there.
    await lab.lab.kill("agent-node2");
    await lab.lab.restartAgent("node2");
    await eventually(
      () => unreadable("node2"),
      (keys) => KEYS.every((key) => keys.includes(key)),
    );

    for (const key of [...KEYS, BLOCK]) await lab.store.delete(key);
    for (const node of NODES) {
      await eventually(
        () => unreadable(node),
        (keys) => keys.length === 0,
      );
    }
    expect(lab.ocicat("get", "ippool")).toEqual(pools);
    expect((await ping.stop()).missing).toEqual([]);
  });
});
