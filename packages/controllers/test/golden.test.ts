import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ClusterState, judge } from "../src/collect/index.ts";

/** What a real Calico v3.32.1 stored: three nodes, two pools, six pods by its own plugin. */
const DUMP = new URL("../../api/test/golden/etcd-dump.jsonl", import.meta.url);

function stateWithout(left: (key: string) => boolean): ClusterState {
  const state = new ClusterState();
  for (const line of readFileSync(DUMP, "utf8").trim().split("\n")) {
    const { key, value } = JSON.parse(line) as { readonly key: string; readonly value: string };
    if (left(key)) continue;
    state.put({ key, value, modRevision: 1n, createRevision: 1n, version: 1n, lease: 0n });
  }
  return state;
}

function reasons(state: ClusterState): readonly string[] {
  return [...state.subjects()].flatMap((subject) => judge(state, subject)?.reason ?? []).sort();
}

describe("a real Calico cluster", () => {
  it("holds no garbage", () => {
    const state = stateWithout(() => false);
    expect(state.endpoints.size).toBe(6);
    expect([...state.unreadable]).toEqual([]);
    expect(reasons(state)).toEqual([]);
  });

  it("holds what its endpoints leave when they are gone, and what a node leaves", () => {
    const pods = stateWithout((key) => key.includes("/workloadendpoints/"));
    expect(new Set(reasons(pods))).toEqual(new Set(["container-gone"]));
    expect(reasons(pods)).toHaveLength(6);
    const nodes = stateWithout((key) => key.includes("/nodes/"));
    expect(reasons(nodes)).toContain("node-gone");
    expect(reasons(nodes)).toContain("block-of-gone-node");
    expect(reasons(nodes)).not.toContain("container-gone");
  });
});
