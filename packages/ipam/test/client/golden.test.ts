import { parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { goldenStore } from "../support/golden.ts";
import { pool, World } from "../support/world.ts";

const MODES = [
  { mode: "with transactions", transactions: true },
  { mode: "without transactions", transactions: false },
];

/** The same cluster has other times: each sequence number by how much it is above the block's first, times by name. */
function timeless(text: string): string {
  const numbers = [...text.matchAll(/\b\d{19}\b/g)].map(([number]) => BigInt(number));
  const [first = 0n] = numbers.sort((a, b) => Number(a - b));
  return text
    .replaceAll(/\b\d{19}\b/g, (number) => `first+${BigInt(number) - first}`)
    .replaceAll(/"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"/g, '"CLAIMED"')
    .replaceAll(/"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? \+0000 UTC"/g, '"GIVEN"');
}

const handle = (number: number) => `k8s-pod-network.aaaa${"0".repeat(59)}${number}`;
const pod = (name: string) => ({ namespace: "default", pod: name });

describe.each(MODES)("the same requests as a Calico v3.32.1 was given, $mode", ({ transactions }) => {
  it("store the same bytes under the same keys: block, borrowed address, affinities, handles", async () => {
    const golden = await goldenStore();
    const pools = [pool("default", "10.244.0.0/16", 26), pool("tiny", "10.99.0.0/26", 26)];
    const world = new World({ transactions, pools });
    const [node1, node2] = [world.node("node1"), world.node("node2")];
    await node2.claimAffinity(parsePrefix("10.244.104.0/26"));
    const wants = (name: string) => [{ family: 4, pools: [name] }] as const;
    await node2.autoAssign({ handleId: handle(3), attributes: pod("db-0"), wants: wants("default") });
    await node1.autoAssign({ handleId: handle(5), attributes: pod("tiny-1"), wants: wants("tiny") });
    await node2.autoAssign({ handleId: handle(6), attributes: pod("tiny-2"), wants: wants("tiny") });
    const keys = await world.keys("/calico/ipam/");
    expect(keys).toEqual([
      "/calico/ipam/v2/assignment/ipv4/block/10.244.104.0-26",
      "/calico/ipam/v2/assignment/ipv4/block/10.99.0.0-26",
      `/calico/ipam/v2/handle/${handle(3)}`,
      `/calico/ipam/v2/handle/${handle(5)}`,
      `/calico/ipam/v2/handle/${handle(6)}`,
      "/calico/ipam/v2/host/node1/ipv4/block/10.99.0.0-26",
      "/calico/ipam/v2/host/node2/ipv4/block/10.244.104.0-26",
    ]);
    for (const key of keys) {
      const [ours, theirs] = [await world.store.get(key), await golden.get(key)];
      expect(timeless(ours?.value ?? "ours is missing")).toBe(timeless(theirs?.value ?? "theirs is missing"));
    }
  });
});
