import { encodeStored, readDocument, resourceKey, workloadEndpoint } from "@ocicat/api";
import { affinityKey, blockKey, handleKey, hostOwner } from "@ocicat/api/ipam";
import { formatAddress, parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { auditIpam, createIpam, describeMend, type Mend, performMend, previewMend } from "../../src/index.ts";
import { InterceptedStore } from "../support/intercepted-store.ts";
import { assignOne, World } from "../support/world.ts";

const BLOCK = blockKey(parsePrefix("10.0.0.0/30"));
const CONTAINER = "a".repeat(64);
const ENDPOINT = workloadEndpoint.storage.key(`node1-cni-${CONTAINER}-eth0`, "default") ?? "";

function endpointWith(address: string): string {
  return encodeStored(
    readDocument({
      apiVersion: "projectcalico.org/v3",
      kind: "WorkloadEndpoint",
      metadata: { name: `node1-cni-${CONTAINER}-eth0`, namespace: "default" },
      spec: {
        orchestrator: "cni",
        node: "node1",
        containerID: CONTAINER,
        endpoint: "eth0",
        ipNetworks: [`${address}/32`],
      },
    }),
  );
}

/** A world in which one container's address looks leaked, and what would release it. */
async function leaking() {
  const world = new World({ transactions: true });
  const { address, block, sequence } = await assignOne(world.node("node1"), `net.${CONTAINER}`);
  const mend: Mend = {
    operation: "release-address",
    block: blockKey(block),
    address: formatAddress(address),
    handle: `net.${CONTAINER}`,
    sequence,
    handleRevision: (await world.store.get(handleKey(`net.${CONTAINER}`)))?.modRevision,
    guards: [ENDPOINT],
  };
  return { world, mend, address: formatAddress(address) };
}

describe("a leaked address", () => {
  it("is released with its handle", async () => {
    const { world, mend } = await leaking();
    expect(await performMend(world.store, mend, world.clock.now())).toEqual({ kind: "done" });
    expect(await world.handle(`net.${CONTAINER}`)).toBeUndefined();
    await world.expectSound();
    expect(await performMend(world.store, mend, world.clock.now())).toEqual({ kind: "not-needed" });
  });

  it("is kept if an endpoint has it by now", async () => {
    const { world, mend, address } = await leaking();
    await world.store.put(ENDPOINT, endpointWith(address));
    expect(await performMend(world.store, mend, world.clock.now())).toEqual({ kind: "not-needed" });
  });

  it("is kept if an endpoint gets it at the very moment", async () => {
    const { world, mend, address } = await leaking();
    const store = new InterceptedStore(world.store, async ({ name }, run) => {
      if (name.startsWith("commit")) await world.store.put(ENDPOINT, endpointWith(address));
      return run();
    });
    expect(await performMend(store, mend, world.clock.now())).toEqual({ kind: "not-needed" });
    expect(await world.handle(`net.${CONTAINER}`)).toBeDefined();
  });

  it("is kept if its holder got an endpoint of another name", async () => {
    const { world, mend } = await leaking();
    const extra = () => ({ operations: [{ put: "/calico/resources/of-another-interface", value: "{}" }] });
    const wants = [{ family: 4 as const }];
    const [again] = await world.node("node1").autoAssign({ handleId: `net.${CONTAINER}`, wants, extra });
    expect(again).toMatchObject({ reused: true });
    expect(await performMend(world.store, mend, world.clock.now())).toEqual({ kind: "not-needed" });
  });

  it("is kept if it was given anew since, also to the same holder", async () => {
    const { world, mend } = await leaking();
    const node = world.node("node1");
    await node.release({ handleId: `net.${CONTAINER}` });
    const { [0]: again } = await node.autoAssign({ handleId: `net.${CONTAINER}`, wants: [{ family: 4, count: 64 }] });
    expect(again).toBeDefined();
    expect(await performMend(world.store, mend, world.clock.now())).toEqual({ kind: "not-needed" });
    await world.expectSound();
  });
});

describe("a handle that counts too much", () => {
  it("is corrected so that a writer between its handle and its block begins again", async () => {
    const { store, clock, random, settings } = await oneAddress();
    const mend: Mend = { operation: "recount-handle", handle: "net.b", blocks: [] };
    let mended = 0;
    // A node writes one row after the other, and between its handle and its block somebody finds the handle wrong.
    const slow = new InterceptedStore(
      store,
      async ({ name, keys }, run) => {
        const isBlock = name === "update" && keys[0]?.includes("/block/") === true;
        if (isBlock && mended === 0) {
          mended += 1;
          expect(await performMend(store, mend, 0)).toEqual({ kind: "done" });
        }
        return run();
      },
      { transactions: false, leases: false, versions: true },
    );
    const node = createIpam({ store: slow, clock, random, node: "node1", settings: () => settings });
    const { block } = await assignOne(node, "net.b");
    expect(mended).toBe(1);
    expect((await store.get(handleKey("net.b")))?.value).toBe(`{"block":{"${block}":1},"deleted":false}`);
    expect(await auditIpam(store)).toEqual([]);
  });
});

async function oneAddress(): Promise<World> {
  const world = new World({ transactions: true });
  await assignOne(world.node("node1"), "net.a");
  return world;
}

describe("a block of a node that is gone", () => {
  const mend: Mend = { operation: "release-affinity", node: "node1", block: BLOCK };

  it("stays the node's if the node is back", async () => {
    const world = new World({ transactions: true });
    await world.store.put(resourceKey("Node", "node1"), "{}");
    expect((await previewMend(world.store, mend, 0)).operations).toEqual([]);
  });

  it("stays with those who hold addresses of it, and is nobody's", async () => {
    const world = new World({ transactions: true });
    const { block } = await assignOne(world.node("node1"), "net.a");
    const key = blockKey(block);
    expect(await performMend(world.store, { ...mend, block: key }, 0)).toEqual({ kind: "done" });
    expect(await world.block(block.toString())).toMatchObject({ affinity: null });
    expect(await world.keys(affinityKey(hostOwner("node1"), block))).toEqual([]);
    expect(await auditIpam(world.store)).toEqual([]);
  });
});

it("gives up where others write each time, and says what it cannot read", async () => {
  const world = new World({ transactions: true });
  await world.store.put(handleKey("net.a"), '{"block":{}}');
  const mend: Mend = { operation: "recount-handle", handle: "net.a", blocks: [] };
  const store = new InterceptedStore(world.store, async ({ name }, run) => {
    if (name.startsWith("commit")) await world.store.put(handleKey("net.a"), '{"block":{}}');
    return run();
  });
  expect(await performMend(store, mend, 0)).toEqual({ kind: "contended" });
  await world.store.put(handleKey("net.a"), "{");
  expect(await performMend(world.store, mend, 0)).toMatchObject({ kind: "refused" });
  expect(describeMend(mend)).toContain("net.a");
});
