import { readFileSync } from "node:fs";
import { parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import {
  affinityKey,
  blockKey,
  decodeAffinity,
  decodeBlock,
  decodeHandle,
  decodeIpamConfig,
  encodeAffinity,
  encodeBlock,
  encodeHandle,
  encodeIpamConfig,
  handleKey,
  IPAM_CONFIG_KEY,
  type IpamKey,
  parseIpamKey,
} from "../../src/ipam/index.ts";

interface Row {
  readonly key: string;
  readonly value: string;
}

const rows = readFileSync(new URL("fixtures/calico-v3.32.1.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Row);

function recode(parsed: IpamKey, { key, value }: Row): string {
  switch (parsed.kind) {
    case "block":
      return encodeBlock(decodeBlock(key, value));
    case "affinity":
      return encodeAffinity(decodeAffinity(key, value));
    case "handle":
      return encodeHandle(decodeHandle(key, value));
    case "config":
      return encodeIpamConfig(decodeIpamConfig(key, value));
    case "host":
      return value;
  }
}

function rebuildKey(parsed: IpamKey): string {
  switch (parsed.kind) {
    case "block":
      return blockKey(parsed.prefix);
    case "affinity":
      return affinityKey(parsed.owner, parsed.prefix);
    case "handle":
      return handleKey(parsed.id);
    case "config":
      return IPAM_CONFIG_KEY;
    case "host":
      return `/calico/ipam/v2/host/${parsed.node}`;
  }
}

describe("what a Calico v3.32.1 stored", () => {
  it("has rows of every kind", () => {
    expect(rows.map((row) => parseIpamKey(row.key)?.kind)).toEqual([
      ...Array.from({ length: 3 }, () => "block"),
      "config",
      ...Array.from({ length: 6 }, () => "handle"),
      ...Array.from({ length: 3 }, () => "affinity"),
    ]);
  });

  it.each(rows)("$key is read, and written back as the same bytes under the same key", (row) => {
    const parsed = parseIpamKey(row.key);
    if (parsed === undefined) throw new Error("the key does not parse");
    expect(rebuildKey(parsed)).toBe(row.key);
    expect(recode(parsed, row)).toBe(row.value);
  });

  it("is understood: a node's block with four addresses in use and one given back", () => {
    const row = rows.find(({ key }) => key.endsWith("/10.244.166.128-26"));
    const block = decodeBlock(row?.key ?? "", row?.value ?? "");
    expect(block.prefix).toEqual(parsePrefix("10.244.166.128/26"));
    expect(block.affinity).toBe("host:node1");
    expect(block.allocations.slice(0, 5)).toEqual([0, 1, 2, 3, null]);
    expect(block.unallocated.at(-1)).toBe(4);
    expect(block.sequenceNumber).toBe(1795227596823285897n);
    expect(block.sequenceNumberForAllocation.get(3)).toBe(1795227596823285894n);
    expect(block.attributes?.[0]?.secondary).toMatchObject({ pod: "web-1", namespace: "default", node: "node1" });
    expect(block.attributes?.[0]?.handleId).toMatch(/^k8s-pod-network\.a{4}0+1$/);
  });
});
