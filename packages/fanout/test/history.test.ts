import type { WatchEvent } from "@ocicat/datastore";
import { describe, expect, it } from "vitest";
import { History, revisionOf } from "../src/cache/history.ts";
import { orderOf, partsOf } from "../src/cache/order.ts";

function put(revision: number, size = 1): WatchEvent {
  const item = { key: "k", value: "v".repeat(size), modRevision: BigInt(revision) };
  return { type: "put", item: { ...item, createRevision: 1n, version: 1n, lease: 0n }, previous: undefined };
}

describe("a history", () => {
  it("finds what came at a revision or after it, and says where nothing is missing", () => {
    const history = new History(5n, { events: 100, size: 1000 });
    history.push([7, 9, 9, 12].map((revision) => put(revision)));
    const seen = (from: bigint) => {
      const place = history.placeOf(from);
      return place === undefined ? undefined : history.from(place).map((event) => Number(revisionOf(event)));
    };
    expect(seen(4n)).toBeUndefined();
    expect(seen(5n)).toEqual([7, 9, 9, 12]);
    expect(seen(8n)).toEqual([9, 9, 12]);
    expect(seen(9n)).toEqual([9, 9, 12]);
    expect(seen(13n)).toEqual([]);
  });

  it.each([
    ["by count", { events: 16, size: 1_000_000 }],
    ["by size", { events: 1_000, size: 160 }],
  ])("forgets the oldest %s, and what is gone is never taken for nothing", (_, limits) => {
    const history = new History(0n, limits);
    const all: number[] = [];
    for (let revision = 1; revision <= 500; revision++) {
      all.push(revision);
      history.push([put(revision, 9)]);
      const kept = history.from(history.begin).map((event) => Number(revisionOf(event)));
      expect(kept).toEqual(all.slice(-kept.length));
      expect(Number(history.floor)).toBe(revision - kept.length);
      expect(history.placeOf(history.floor)).toBe(history.begin);
      if (history.floor > 0n) expect(history.placeOf(history.floor - 1n)).toBeUndefined();
    }
    expect(history.end).toBe(500);
    expect(history.end - history.begin).toBeLessThanOrEqual(limits.events);
    expect(history.end - history.begin).toBeGreaterThanOrEqual(8);
  });
});

describe("what is watched as one", () => {
  const root = "/calico/resources/v3/projectcalico.org/";
  it.each([
    [`${root}nodes/`, `${root}nodes/`],
    [`${root}workloadendpoints/shop/`, `${root}workloadendpoints/`],
    [`${root}nodes/n1`, `${root}nodes/`],
    [`${root}profiles/kns.`, `${root}profiles/kns.`],
    [`${root}profiles/ksa.shop.web`, `${root}profiles/ksa.`],
    [`${root}profiles/`, undefined],
    [root, undefined],
    ["/calico/", undefined],
    ["/calico/ipam/v2/host/n1/ipv4/block/", "/calico/ipam/v2/host/"],
    ["/calico/ipam/v2/assignment/ipv4/block/", "/calico/ipam/v2/assignment/"],
    ["/calico/ipam/v2/config", "/calico/ipam/v2/config"],
    ["/calico/ipam/v2/", undefined],
  ])("of %s is %s", (prefix, order) => {
    expect(orderOf(prefix)).toBe(order);
  });

  it("profiles are asked for in two parts, all else in one", () => {
    expect(partsOf(`${root}profiles/`)).toEqual([`${root}profiles/kns.`, `${root}profiles/ksa.`]);
    for (const part of partsOf(`${root}profiles/`)) expect(orderOf(part)).toBe(part);
    expect(partsOf(`${root}nodes/`)).toEqual([`${root}nodes/`]);
  });
});
