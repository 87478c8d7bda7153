import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  PutRequestSchema,
  type RangeRequest_SortOrder,
  type RangeRequest_SortTarget,
  RangeRequestSchema,
  type RequestOpSchema,
  TxnRequestSchema,
} from "../../../src/proto/rpc_pb.ts";
import { checkPut, checkRange, checkTxn, isReadOnly, puts } from "../../../src/server/apply/check.ts";

type Op = MessageInitShape<typeof RequestOpSchema>;
type Txn = MessageInitShape<typeof TxnRequestSchema>;
const put = (key: string, size = 1): Op => ({
  request: { case: "requestPut", value: { key: Buffer.from(key), value: Buffer.alloc(size) } },
});
const del = (key: string, end = ""): Op => ({
  request: { case: "requestDeleteRange", value: { key: Buffer.from(key), rangeEnd: Buffer.from(end) } },
});
const get = (key: string): Op => ({ request: { case: "requestRange", value: { key: Buffer.from(key) } } });
const nested = (txn: Txn): Op => ({ request: { case: "requestTxn", value: txn } });
const txn = (init: Txn) => create(TxnRequestSchema, init);
const check = (init: Txn) => () => checkTxn(txn(init));

describe("a transaction", () => {
  it.each<[string, Txn]>([
    ["one key twice", { success: [put("a"), put("a")] }],
    ["a key it deletes", { success: [del("a"), put("a")] }],
    ["a key in a range it deletes", { success: [put("b"), del("a", "c")] }],
    ["a key that a transaction in it puts", { failure: [nested({ success: [put("a")] }), put("a")] }],
    ["keys of two transactions in it", { success: [nested({ success: [put("a")] }), nested({ failure: [put("a")] })] }],
    ["in a transaction what it deletes itself", { success: [nested({ failure: [put("a")] }), del("a")] }],
  ])("may not put %s", (_what, init) => {
    expect(check(init)).toThrow("etcdserver: duplicate key given in txn request");
  });

  it.each<[string, Txn]>([
    ["the same key in both branches", { success: [put("a")], failure: [put("a")] }],
    ["the same key in both branches of one in it", { success: [nested({ success: [put("a")], failure: [put("a")] })] }],
    ["a key beside what it deletes", { success: [del("a", "b"), put("b")] }],
    ["twice deleted keys", { success: [del("a"), del("a", "b")] }],
  ])("may write %s", (_what, init) => {
    expect(check(init)).not.toThrow();
  });

  it("has 128 operations at most, counted along the nesting", () => {
    const many = (count: number) => Array.from({ length: count }, (_, number) => put(`${number}`));
    expect(check({ success: many(128) })).not.toThrow();
    expect(check({ success: many(129) })).toThrow("etcdserver: too many operations in txn request");
    expect(check({ success: [nested({ success: many(128) })] })).toThrow("too many operations");
    expect(check({ failure: [nested({ success: many(127) })] })).not.toThrow();
  });

  it("nested deeper than any sane one is refused, not a stack overflow", () => {
    let deep: Txn = {};
    for (let depth = 0; depth < 200; depth++) deep = { success: [nested(deep)] };
    expect(check(deep)).toThrow("too many operations");
  });

  it("has keys and values of 1.5 MiB at most, taken together", () => {
    const half = 0.75 * 1024 * 1024;
    expect(check({ success: [put("a", half - 1), put("b", half - 1)] })).not.toThrow();
    expect(check({ success: [put("a", half - 1)], failure: [nested({ success: [put("b", half)] })] })).toThrow(
      "etcdserver: request is too large",
    );
  });

  it("is refused for an operation that is none, or without a key", () => {
    expect(check({ success: [{}] })).toThrow("etcdserver: key not found");
    expect(check({ success: [get("")] })).toThrow("etcdserver: key is not provided");
    expect(check({ compare: [{}] })).toThrow("etcdserver: key is not provided");
  });

  it("is read-only if no branch can write, and needs room only if one can put", () => {
    const facts = (init: Txn) => [isReadOnly(txn(init)), puts(txn(init))];
    expect(facts({ success: [get("a")], failure: [nested({ success: [get("b")] })] })).toEqual([true, false]);
    expect(facts({ success: [get("a")], failure: [nested({ failure: [put("b")] })] })).toEqual([false, true]);
    expect(facts({ success: [nested({ success: [del("b")] })] })).toEqual([false, false]);
  });
});

describe("a put and a range", () => {
  it("are refused with a contradiction in them", () => {
    const key = Buffer.from("a");
    const refused = (init: MessageInitShape<typeof PutRequestSchema>) => () => checkPut(create(PutRequestSchema, init));
    expect(refused({})).toThrow("etcdserver: key is not provided");
    expect(refused({ key, value: key, ignoreValue: true })).toThrow("etcdserver: value is provided");
    expect(refused({ key, lease: 1n, ignoreLease: true })).toThrow("etcdserver: lease is provided");
    expect(refused({ key, value: Buffer.alloc(1024 * 1536) })).toThrow("etcdserver: request is too large");
    expect(refused({ key, value: key })).not.toThrow();
  });

  it("are refused with an order or target of sorting that is none", () => {
    const key = Buffer.from("a");
    const unknownOrder = { key, sortOrder: Number(3) as RangeRequest_SortOrder };
    const unknownTarget = { key, sortTarget: Number(5) as RangeRequest_SortTarget };
    expect(() => checkRange(create(RangeRequestSchema, unknownOrder))).toThrow("invalid sort option");
    expect(() => checkRange(create(RangeRequestSchema, unknownTarget))).toThrow("invalid sort option");
  });
});
