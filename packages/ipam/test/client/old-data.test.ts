import { affinityKey, blockKey, handleKey, hostOwner } from "@ocicat/api/ipam";
import { formatAddress, parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { auditIpam } from "../../src/index.ts";
import { assignOne, pool, World } from "../support/world.ts";

const MODES = [
  { mode: "with transactions", transactions: true },
  { mode: "without transactions", transactions: false },
];

const BLOCK = parsePrefix("10.0.0.0/30");
const OTHER = parsePrefix("10.0.0.4/30");
const KEY = blockKey(BLOCK);

/** A block as older versions stored it, with members replaced or (undefined) left out. */
function stored(changes: Readonly<Record<string, unknown>> = {}, prefix = BLOCK): string {
  return JSON.stringify({
    cidr: prefix.toString(),
    affinity: "host:node1",
    allocations: [0, null, null, null],
    unallocated: [1, 2, 3],
    attributes: [{ handle_id: "net.old", secondary: { node: "node1", pod: "old", namespace: "default" } }],
    sequenceNumber: 7,
    sequenceNumberForAllocation: { "0": 6 },
    deleted: false,
    ...changes,
  });
}

async function world(transactions: boolean, block: string, affinity = '{"state":"confirmed","deleted":false}') {
  const made = new World({ transactions, pools: [pool("small", "10.0.0.0/28", 30)] });
  await made.store.put(KEY, block);
  await made.store.put(affinityKey(hostOwner("node1"), BLOCK), affinity);
  await made.store.put(handleKey("net.old"), '{"block":{"10.0.0.0/30":1},"deleted":false}');
  return made;
}

describe.each(MODES)("what older or newer versions stored $mode", ({ transactions }) => {
  it.each([
    ["a block with hostAffinity", stored({ affinity: undefined, hostAffinity: "node1" }), undefined],
    [
      "a block without sequence numbers",
      stored({ sequenceNumberForAllocation: undefined, sequenceNumber: 0 }),
      undefined,
    ],
    ["an affinity without a value", stored(), ""],
    ["an affinity without a state", stored(), "{}"],
    ["an affinity with a type", stored(), '{"state":"confirmed","deleted":false,"type":"host"}'],
  ])("%s is the node's, and used as such", async (_what, block, affinity) => {
    const w = await world(transactions, block, affinity);
    const given = await assignOne(w.node("node1"), "net.new");
    expect(given).toMatchObject({ borrowedFrom: undefined, block: BLOCK });
    expect(formatAddress(given.address)).toBe("10.0.0.1");
    expect(JSON.parse((await w.store.get(KEY))?.value ?? "")).toMatchObject({ affinity: "host:node1" });
    await w.node("node1").release({ handleId: "net.old" });
    await w.expectSound();
  });

  it("attributes that are null are none, and a list after the first address", async () => {
    const empty = { allocations: [null, null, null, null], unallocated: [0, 1, 2, 3], attributes: null };
    const w = await world(transactions, stored({ ...empty, sequenceNumberForAllocation: {} }));
    await w.store.delete(handleKey("net.old"));
    await assignOne(w.node("node1"), "net.new");
    await w.node("node1").release({ handleId: "net.new" });
    expect((await w.store.get(KEY))?.value).toContain('"attributes":[]');
    await w.expectSound();
  });

  it("fields nobody knows here stay, in the block, its attributes, the affinity and the handle", async () => {
    const attribute = {
      handle_id: "net.old",
      secondary: { node: "node1" },
      alternateOwnerAttrs: { pod: "p" },
      later: 1,
    };
    const w = await world(
      transactions,
      stored({ attributes: [attribute], later: { big: [1, null] } }),
      '{"state":"confirmed","deleted":false,"later":true}',
    );
    await w.store.put(handleKey("net.old"), '{"block":{"10.0.0.0/30":1},"deleted":false,"later":"x"}');
    const node = w.node("node1");
    await node.autoAssign({ handleId: "net.old", wants: [{ family: 4, count: 2 }] });
    const block = (await w.store.get(KEY))?.value;
    expect(block).toContain('"later":{"big":[1,null]}');
    expect(block).toContain('"alternateOwnerAttrs":{"pod":"p"},"later":1}');
    expect(await w.handle("net.old")).toBe('{"block":{"10.0.0.0/30":2},"deleted":false,"later":"x"}');
    await w.expectSound();
  });
});

describe.each(MODES)("what is broken in the store $mode", ({ transactions }) => {
  it("a block with more attributes than addresses: it is told, goes on to serve, and is whole after the next release", async () => {
    const attributes = Array.from({ length: 9 }, (_, index) => ({
      handle_id: index === 0 ? "net.old" : `net.${index}`,
    }));
    const w = await world(transactions, stored({ attributes }));
    const rules = (await auditIpam(w.store)).map(({ rule, key }) => `${rule} ${key}`);
    expect(new Set(rules)).toEqual(new Set([`attribute-unused ${KEY}`]));
    expect(formatAddress((await assignOne(w.node("node1"), "net.new")).address)).toBe("10.0.0.1");
    await w.node("node1").release({ handleId: "net.old" });
    await w.expectSound();
  });

  it("an address that points at no attribute: its block is named and left alone, and others serve", async () => {
    const text = stored({ allocations: [0, 5, null, null], unallocated: [2, 3] });
    const w = await world(transactions, text);
    const given = await assignOne(w.node("node1"), "net.new");
    expect(given.block).not.toEqual(BLOCK);
    expect((await w.store.get(KEY))?.value).toBe(text);
    expect(await auditIpam(w.store)).toContainEqual({ rule: "attribute-missing", key: KEY, what: "10.0.0.1" });
    await expect(w.node("node1").release({ handleId: "net.old" })).rejects.toMatchObject({
      code: "IPAM_CORRUPT",
      key: KEY,
      field: "allocations[1]",
    });
    expect((await w.node("node1").recover()).unreadable).toMatchObject([{ key: KEY }]);
  });

  it.each([
    ["a block that is not there", "10.0.0.8/30"],
    ["a block that gives it nothing", OTHER.toString()],
  ])(
    "a handle that points at %s: it is told, its holder gets an address, and its release ends it",
    async (_what, cidr) => {
      const w = await world(transactions, stored());
      const free = { allocations: [null, null, null, null], unallocated: [0, 1, 2, 3], attributes: [] };
      await w.store.put(blockKey(OTHER), stored({ ...free, sequenceNumberForAllocation: {} }, OTHER));
      await w.store.put(affinityKey(hostOwner("node1"), OTHER), "{}");
      await w.store.put(handleKey("net.lost"), JSON.stringify({ block: { [cidr]: 1 }, deleted: false }));
      expect(await auditIpam(w.store)).toContainEqual(
        expect.objectContaining({ rule: "handle-orphaned", key: handleKey("net.lost") }),
      );
      const node = w.node("node1");
      await assignOne(node, "net.other");
      await assignOne(node, "net.lost");
      await w.expectSound();
      await node.release({ handleId: "net.lost" });
      expect(await w.handle("net.lost")).toBeUndefined();
      await w.expectSound();
    },
  );
});
