import { describe, expect, it } from "vitest";
import {
  AllocationAttribute,
  blockOwner,
  DEFAULT_IPAM_CONFIG,
  decodeAffinity,
  decodeBlock,
  decodeHandle,
  decodeIpamConfig,
  encodeAffinity,
  encodeBlock,
  encodeHandle,
  encodeIpamConfig,
  IpamCorruptError,
  ipamConfigProblem,
  isOwnedBy,
} from "../../src/ipam/index.ts";

const KEY = "/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-30";

/** A block of four addresses, as text, with members replaced or (undefined) left out. */
function blockText(changes: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    cidr: "10.0.0.0/30",
    affinity: "host:node1",
    allocations: [0, null, null, null],
    unallocated: [1, 2, 3],
    attributes: [{ handle_id: "net.a", secondary: { node: "node1" } }],
    sequenceNumber: 5,
    sequenceNumberForAllocation: { "0": 4 },
    deleted: false,
    ...changes,
  });
}

describe("a stored block", () => {
  it("keeps sequence numbers beyond 2^53 exact, up to the largest unsigned 64-bit integer", () => {
    const text = blockText().replace('"sequenceNumber":5', '"sequenceNumber":18446744073709551615');
    const block = decodeBlock(KEY, text);
    expect(block.sequenceNumber).toBe(2n ** 64n - 1n);
    expect(encodeBlock(block)).toBe(text);
  });

  it("emits a null affinity, and the null attributes of one that was never written again", () => {
    const text = blockText({
      affinity: null,
      allocations: [null, null, null, null],
      unallocated: [0, 1, 2, 3],
      attributes: null,
      sequenceNumberForAllocation: {},
    });
    expect(encodeBlock(decodeBlock(KEY, text))).toBe(text);
  });

  it("keeps fields of later versions, in the block and in an attribute", () => {
    const attribute = {
      handle_id: "net.a",
      secondary: { pod: "p" },
      alternateOwnerAttrs: { pod: "q" },
      later: [1, { x: null }],
    };
    const text = blockText({ attributes: [attribute, { releasedAt: "2026-11-21T02:19:57Z" }] }).replace(
      /\}$/,
      ',"later":{"big":12345678901234567890}}',
    );
    expect(encodeBlock(decodeBlock(KEY, text))).toBe(text);
  });

  it("understands an address that cools down", () => {
    const block = decodeBlock(KEY, blockText({ attributes: [{ releasedAt: "2026-11-21T02:19:57Z" }] }));
    expect(block.attributes?.[0]).toMatchObject({ handleId: undefined, releasedAt: "2026-11-21T02:19:57Z" });
  });

  it("reads the affinity of before affinities had types, and writes today's form", () => {
    const block = decodeBlock(KEY, blockText({ affinity: undefined, hostAffinity: "node7" }));
    expect(blockOwner(block)).toEqual({ type: "host", name: "node7" });
    const written = encodeBlock(block);
    expect(written).toContain('"affinity":"host:node7"');
    expect(written).not.toContain("hostAffinity");
  });

  it("keeps an affinity of an unknown type, and calls nobody its owner", () => {
    const block = decodeBlock(KEY, blockText({ affinity: "rack:7" }));
    expect(blockOwner(block)).toBeUndefined();
    expect(isOwnedBy(block, { type: "host", name: "7" })).toBe(false);
    expect(encodeBlock(block)).toContain('"affinity":"rack:7"');
  });

  it("may lack the map of sequence numbers", () => {
    const block = decodeBlock(KEY, blockText({ sequenceNumberForAllocation: undefined }));
    expect(block.sequenceNumberForAllocation.size).toBe(0);
  });

  it("cuts a handle id at the first carriage return, and keeps what was stored", () => {
    const text = blockText({ attributes: [{ handle_id: "net.a\r\neth0", secondary: {} }] });
    const block = decodeBlock(KEY, text);
    expect(block.attributes?.[0]?.handleId).toBe("net.a");
    expect(encodeBlock(block)).toBe(text);
  });

  it("escapes as Go does what could close an HTML tag", () => {
    const attribute = AllocationAttribute.ofOwner({ handleId: "net.a", attributes: { note: "<b>&\u2028", app: "x" } });
    expect(attribute.json).toBe('{"handle_id":"net.a","secondary":{"app":"x","note":"\\u003cb\\u003e\\u0026\\u2028"}}');
  });

  it("has its sequence numbers by ordinal sorted as text, as Go sorts the keys of a map", () => {
    const text = blockText({
      cidr: "10.0.0.0/28",
      allocations: Array.from({ length: 16 }, () => 0),
      unallocated: [],
    }).replace('{"0":4}', '{"0":4,"1":4,"10":4,"11":4,"2":4}');
    expect(encodeBlock(decodeBlock(KEY.replace("-30", "-28"), text))).toBe(text);
  });
});

describe("a stored block that cannot be right is refused with its key and field", () => {
  const large = (length: number) => Array.from({ length }, () => null);
  it.each([
    ["text that is not JSON", "{oops", "", /not JSON: "\{oops"/],
    ["JSON that is no object", "[1]", "", /not a JSON object/],
    ["no CIDR", blockText({ cidr: undefined }), "cidr", /missing/],
    ["a CIDR with host bits", blockText({ cidr: "10.0.0.1/30" }), "cidr", /10\.0\.0\.0\/30/],
    ["another block's CIDR", blockText({ cidr: "10.0.0.4/30" }), "cidr", /does not belong to this key/],
    ["a whole network as a block", blockText({ cidr: "10.0.0.0/8" }), "cidr", /too large/],
    ["too few allocations", blockText({ allocations: large(3) }), "allocations", /3 entries, the block 4 addresses/],
    ["a negative index", blockText({ allocations: [-1, ...large(3)] }), "allocations[0]", /index/],
    ["a fractional index", blockText({ allocations: [0.5, ...large(3)] }), "allocations[0]", /index/],
    [
      "an index beyond the attributes",
      blockText({ allocations: [0, 1, null, null] }),
      "allocations[1]",
      /one of 1 attributes/,
    ],
    ["an ordinal outside", blockText({ unallocated: [1, 4] }), "unallocated[1]", /ordinal below 4/],
    ["an attribute that is no object", blockText({ attributes: ["x"] }), "attributes[0]", /object/],
    [
      "a handle id that is a number",
      blockText({ attributes: [{ handle_id: 3 }] }),
      "attributes[0].handle_id",
      /string/,
    ],
    [
      "an owner that is no text",
      blockText({ attributes: [{ secondary: { pod: 1 } }] }),
      "attributes[0].secondary.pod",
      /string/,
    ],
    ["a negative sequence number", blockText({ sequenceNumber: -1 }), "sequenceNumber", /64-bit/],
    ["a sequence number of 65 bits", blockText().replace(":5,", ":18446744073709551616,"), "sequenceNumber", /64-bit/],
    [
      "a sequence of an ordinal outside",
      blockText({ sequenceNumberForAllocation: { "4": 1 } }),
      "sequenceNumberForAllocation.4",
      /below 4/,
    ],
    ["an affinity that is a number", blockText({ affinity: 1 }), "affinity", /string/],
  ])("%s", (_what, text, field, message) => {
    const attempt = () => decodeBlock(KEY, text);
    expect(attempt).toThrow(IpamCorruptError);
    expect(attempt).toThrow(message);
    try {
      attempt();
    } catch (error) {
      expect(error).toMatchObject({ code: "IPAM_CORRUPT", key: KEY, field, retryable: false });
    }
  });
});

describe("a stored affinity", () => {
  const key = "/calico/ipam/v2/host/node1/ipv4/block/10.0.0.0-30";

  it.each([
    ["", "confirmed"],
    ["{}", "confirmed"],
    ['{"state":""}', "confirmed"],
    ['{"state":"confirmed","deleted":false}', "confirmed"],
    ['{"state":"pending","deleted":false}', "pending"],
    ['{"state":"pendingDeletion","deleted":false}', "pendingDeletion"],
  ])("%j is %s", (text, state) => {
    expect(decodeAffinity(key, text).state).toBe(state);
  });

  it("is written back with the fields of later versions", () => {
    const text = '{"state":"pending","deleted":false,"type":"host"}';
    expect(encodeAffinity(decodeAffinity(key, text))).toBe(text);
  });

  it("is refused in a state we do not know, rather than taken for confirmed", () => {
    expect(() => decodeAffinity(key, '{"state":"lost"}')).toThrow(/state "lost" is none of confirmed, pending/);
  });
});

describe("a stored handle", () => {
  const key = "/calico/ipam/v2/handle/net.a";

  it("counts addresses by block, in the order of Go's maps", () => {
    const text = '{"block":{"10.0.0.0/26":2,"fd00::/122":1},"deleted":false}';
    const handle = decodeHandle(key, text);
    expect([...handle.blocks]).toEqual([
      ["10.0.0.0/26", 2],
      ["fd00::/122", 1],
    ]);
    expect(encodeHandle({ ...handle, blocks: new Map([...handle.blocks].reverse()) })).toBe(text);
  });

  it.each([
    ['{"block":{"10.0.0.0/26":-1}}', "block.10.0.0.0/26"],
    ['{"block":{"10.0.0.0/26":"2"}}', "block.10.0.0.0/26"],
    ['{"block":{"here":1}}', "block.here"],
    ['{"block":[]}', "block"],
  ])("%s is refused at %s", (text, field) => {
    expect(() => decodeHandle(key, text)).toThrow(expect.objectContaining({ code: "IPAM_CORRUPT", key, field }));
  });
});

describe("the stored settings", () => {
  it("leave out what is zero, and read it back", () => {
    expect(encodeIpamConfig(DEFAULT_IPAM_CONFIG)).toBe(
      '{"auto_allocate_blocks":true,"kubeVirtVMAddressPersistence":"Enabled"}',
    );
    expect(decodeIpamConfig("k", "{}")).toMatchObject({ autoAllocateBlocks: false, maxBlocksPerHost: 0 });
  });

  it.each([
    [{}, undefined],
    [{ strictAffinity: true, maxBlocksPerHost: 4 }, undefined],
    [{ strictAffinity: true, autoAllocateBlocks: false }, undefined],
    [{ autoAllocateBlocks: false }, /could only borrow/],
    [{ maxBlocksPerHost: 4 }, /strict_affinity must be true/],
  ])("%j: contradiction %s", (changes, expected) => {
    const problem = ipamConfigProblem({ ...DEFAULT_IPAM_CONFIG, ...changes });
    if (expected === undefined) expect(problem).toBeUndefined();
    else expect(problem).toMatch(expected);
  });
});
