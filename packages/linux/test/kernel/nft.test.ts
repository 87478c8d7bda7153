import { setImmediate as nextTurn } from "node:timers/promises";
import { Attributes, AttributeWriter, MessageWriter } from "@ocicat/netlink";
import { describe, expect, it } from "vitest";
import { type Kernel, type NftChange, openKernel, TransactionError } from "../../src/index.ts";
import { cleanup, run, testNetns } from "../helpers.ts";

const NFT = 10 << 8;
const NEWTABLE = NFT | 0;
const GETTABLE = NFT | 1;
const NEWSET = NFT | 9;
const NEWSETELEM = NFT | 12;
const CREATE = 0x401;
const REQUEST = 0x1;
/** nfgenmsg of the bridge family: the only one that nf_tables of Debian's user-mode kernel knows. */
const BRIDGE = Uint8Array.of(7, 0, 0, 0);

function open(): { kernel: Kernel; name: string } {
  const { handle, name } = testNetns();
  const kernel = openKernel({ namespace: handle });
  cleanup(() => kernel.close());
  return { kernel, name };
}

const table = (out: MessageWriter, sequence: number, name: string) =>
  out.begin(NEWTABLE, CREATE, sequence, BRIDGE).string(1, name).u32be(2, 0);

const set = (out: MessageWriter, sequence: number, tableName: string) =>
  out
    .begin(NEWSET, CREATE, sequence, BRIDGE)
    .string(1, tableName)
    .string(2, "pods")
    .u32be(3, 0)
    .u32be(4, 7)
    .u32be(5, 4)
    .u32be(10, 1);

function elements(out: MessageWriter, sequence: number, tableName: string, from: number, count: number): MessageWriter {
  return out
    .begin(NEWSETELEM, CREATE, sequence, BRIDGE)
    .string(1, tableName)
    .string(2, "pods")
    .nested(3, (list) => {
      for (let index = from; index < from + count; index++) {
        const key = new AttributeWriter(16).u32be(1, 0x0a00_0000 + index).finish();
        list.nested(1, (element) => element.nested(1, (inner) => inner.raw(key)));
      }
    });
}

function refusal(act: () => void): TransactionError {
  try {
    act();
  } catch (error) {
    if (error instanceof TransactionError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

describe("nftables transactions", () => {
  it("are committed whole, as nft sees it", () => {
    const { kernel, name } = open();
    const out = new MessageWriter();
    table(out, 11, "octa");
    set(out, 12, "octa");
    elements(out, 13, "octa", 0, 3);
    kernel.nftCommit(out.finish());
    expect(run("ip", "netns", "exec", name, "nft", "list", "ruleset")).toContain(
      "elements = { 10.0.0.0, 10.0.0.1,\n\t\t\t     10.0.0.2 }",
    );
  });

  it("are refused whole, naming each message refused and why", () => {
    const { kernel, name } = open();
    const out = new MessageWriter();
    table(out, 100, "octa");
    set(out, 101, "nosuchtable");
    elements(out, 102, "octa", 0, 1);
    const error = refusal(() => kernel.nftCommit(out.finish()));
    expect(error.refused.map(({ sequence, errno }) => [sequence, errno])).toEqual([
      [101, "ENOENT"],
      [102, "ENOENT"],
    ]);
    expect(error).toMatchObject({ errno: "ENOENT", code: "KERNEL_ENOENT" });
    expect(error.message).toContain("message 101 (ENOENT), 102 (ENOENT); nothing was changed");
    expect(run("ip", "netns", "exec", name, "nft", "list", "ruleset")).toBe("");
    const next = new MessageWriter();
    table(next, 103, "octb");
    kernel.nftCommit(next.finish());
    expect(run("ip", "netns", "exec", name, "nft", "list", "ruleset")).toContain("table bridge octb");
  });

  it("of nothing do nothing; of bytes that are no messages they are refused before sending", () => {
    const { kernel } = open();
    kernel.nftCommit(new Uint8Array());
    expect(() => kernel.nftCommit(new Uint8Array(16))).toThrow(expect.objectContaining({ code: "TRUNCATED" }));
  });

  it("larger than a socket's default buffer are sent", () => {
    const { kernel, name } = open();
    const out = new MessageWriter();
    table(out, 1, "octa");
    set(out, 2, "octa");
    const CHUNK = 1000;
    const CHUNKS = 20;
    for (let chunk = 0; chunk < CHUNKS; chunk++) elements(out, 3 + chunk, "octa", chunk * CHUNK, CHUNK);
    const bytes = out.finish();
    expect(bytes.length).toBeGreaterThan(256 * 1024);
    kernel.nftCommit(bytes);
    const listed = JSON.parse(run("ip", "netns", "exec", name, "nft", "-j", "list", "set", "bridge", "octa", "pods"));
    expect(listed.nftables[1].set.elem).toHaveLength(CHUNK * CHUNKS);
  });

  it("a query is answered by messages, of one thing and of all; what is not there is ENOENT", () => {
    const { kernel } = open();
    const out = new MessageWriter();
    table(out, 1, "octa");
    table(out, 2, "octb");
    kernel.nftCommit(out.finish());
    const names = (request: Uint8Array) =>
      kernel.nftQuery(request).map(({ payload }) => new Attributes(payload.subarray(4)).string(1));
    const one = new MessageWriter().begin(GETTABLE, REQUEST, 5, BRIDGE).string(1, "octb").finish();
    expect(names(one)).toEqual(["octb"]);
    const all = new MessageWriter().begin(GETTABLE, REQUEST | 0x300, 6, BRIDGE).finish();
    expect(names(all).toSorted()).toEqual(["octa", "octb"]);
    const none = new MessageWriter().begin(GETTABLE, REQUEST, 7, BRIDGE).string(1, "octc").finish();
    expect(() => kernel.nftQuery(none)).toThrow(expect.objectContaining({ errno: "ENOENT" }));
    expect(() => kernel.nftQuery(new Uint8Array())).toThrow(expect.objectContaining({ errno: "EINVAL" }));
  });
});

describe("a monitor of nf_tables", () => {
  it("tells what nft did, and that nft did it", async () => {
    const { kernel, name } = open();
    const changes: NftChange[] = [];
    kernel.nftMonitor((more) => changes.push(...more));
    run("ip", "netns", "exec", name, "nft", "add table bridge theirs; add chain bridge theirs c");
    run("ip", "netns", "exec", name, "nft", "flush ruleset");
    while (changes.length < 2) await nextTurn();
    const theirs = { tables: ["bridge theirs"], process: "nft", pid: expect.any(Number) };
    expect(changes).toEqual([theirs, theirs]);
  });

  it("says so when there was more than it could hold, and goes on", async () => {
    const { handle } = testNetns();
    const kernel = openKernel({ namespace: handle, monitorBuffer: 4096 });
    const other = openKernel({ namespace: handle });
    cleanup(() => kernel.close());
    cleanup(() => other.close());
    const heard: { readonly changes: readonly NftChange[]; readonly lost: boolean }[] = [];
    kernel.nftMonitor((changes, lost) => heard.push({ changes, lost }));
    for (let round = 0; round < 200; round++) {
      other.nftCommit(table(new MessageWriter(), 1, `t${round}`).finish());
    }
    while (!heard.some(({ lost }) => lost)) await nextTurn();
    other.nftCommit(table(new MessageWriter(), 1, "last").finish());
    while (!heard.some(({ changes }) => changes.some(({ tables }) => tables.includes("bridge last")))) await nextTurn();
  });
});
