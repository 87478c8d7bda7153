import { affinityKey, blockKey, handleKey, hostOwner } from "@ocicat/api/ipam";
import { parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { auditIpam } from "../../src/index.ts";
import { goldenStore } from "../support/golden.ts";
import { World } from "../support/world.ts";

const PREFIX = parsePrefix("10.0.0.0/30");
const BLOCK = blockKey(PREFIX);
const HANDLE = handleKey("net.a");
const AFFINITY = affinityKey(hostOwner("node1"), PREFIX);

const block = {
  cidr: "10.0.0.0/30",
  affinity: "host:node1",
  allocations: [0, null, null, null],
  unallocated: [1, 2, 3],
  attributes: [{ handle_id: "net.a", secondary: { node: "node1" } }],
  sequenceNumber: 5,
  sequenceNumberForAllocation: { "0": 4 },
  deleted: false,
};
const handle = { block: { "10.0.0.0/30": 1 }, deleted: false };
const empty = { allocations: [null, null, null, null], unallocated: [0, 1, 2, 3], attributes: [] };

/** The rules that rows break, which differ from sound ones as told; undefined: that row is missing. */
async function rulesBroken(changes: {
  readonly block?: object;
  readonly handle?: object | undefined;
  readonly affinity?: object | undefined;
  readonly more?: Readonly<Record<string, object>>;
}): Promise<string[]> {
  const { store } = new World({ transactions: true });
  await store.put(BLOCK, JSON.stringify({ ...block, ...changes.block }));
  const stored = { handle, affinity: { state: "confirmed", deleted: false }, ...changes };
  if (stored.handle !== undefined) await store.put(HANDLE, JSON.stringify(stored.handle));
  if (stored.affinity !== undefined) await store.put(AFFINITY, JSON.stringify(stored.affinity));
  for (const [key, value] of Object.entries(changes.more ?? {})) await store.put(key, JSON.stringify(value));
  return (await auditIpam(store)).map(({ rule }) => rule).sort();
}

describe("the audit", () => {
  it("finds the store of a real Calico sound", async () => {
    expect(await auditIpam(await goldenStore())).toEqual([]);
  });

  it.each([
    ["nothing of sound rows", {}, []],
    ["an address that is lost", { block: { unallocated: [1, 2] } }, ["address-lost"]],
    ["one that is free twice", { block: { unallocated: [1, 1, 2, 3] } }, ["address-free-twice"]],
    ["one both free and held", { block: { unallocated: [0, 1, 2, 3] } }, ["address-free-and-held"]],
    [
      "an allocation without attribute",
      { block: { allocations: [7, null, null, null] } },
      ["attribute-missing", "attribute-unused", "handle-count", "handle-orphaned"],
    ],
    ["an attribute without address", { block: { attributes: [...block.attributes, {}] } }, ["attribute-unused"]],
    ["a sequence number from the future", { block: { sequenceNumber: 4 } }, ["sequence-ahead"]],
    ["a block under another's key", { block: { cidr: "10.0.0.4/30" } }, ["block-shape"]],
    ["a handle that is gone", { handle: undefined }, ["handle-missing"]],
    ["a handle that counts too much", { handle: { block: { "10.0.0.0/30": 2 } } }, ["handle-count"]],
    ["a handle that counts too little", { handle: { block: {} } }, ["handle-count"]],
    ["a handle that holds nothing", { block: empty }, ["handle-count", "handle-orphaned"]],
    ["an affinity that is gone", { affinity: undefined }, ["block-unnamed"]],
    ["a claim that is half done", { affinity: { state: "pending" } }, ["affinity-half-done"]],
    ["a release that is half done", { affinity: { state: "pendingDeletion" } }, ["affinity-half-done"]],
    ["an affinity to another's block", { block: { affinity: "host:node2" } }, ["affinity-stale", "block-unnamed"]],
    [
      "an empty block that is nobody's",
      { block: { ...empty, affinity: null }, handle: undefined, affinity: undefined },
      ["block-orphaned"],
    ],
    [
      "an affinity without block",
      { more: { [affinityKey(hostOwner("node1"), parsePrefix("10.0.0.8/30"))]: {} } },
      ["affinity-stale"],
    ],
    [
      "blocks that overlap",
      {
        more: {
          [blockKey(parsePrefix("10.0.0.2/31"))]: {
            ...empty,
            cidr: "10.0.0.2/31",
            allocations: [null, null],
            unallocated: [0, 1],
            sequenceNumber: 1,
            affinity: null,
          },
        },
      },
      ["block-orphaned", "blocks-overlap"],
    ],
    ["a row that is no object", { more: { [handleKey("net.b")]: [] } }, ["unreadable"]],
  ])("names %s", async (_what, changes, rules) => {
    expect(await rulesBroken(changes)).toEqual(rules);
  });
});
