import { silentLogger } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import { allTables, makeTables } from "../../src/tables/tables.ts";

describe("the tables", () => {
  it("are all there for who counts what cannot be read, and nothing else is", () => {
    const tables = makeTables("node1", silentLogger);
    const names = allTables(tables).map(({ name }) => name);
    expect(names).toContain("nodes");
    expect(names).toContain("blocks");
    expect(new Set(names).size).toBe(names.length);
    expect(allTables(tables).reduce((sum, { unreadable }) => sum + unreadable.size, 0)).toBe(0);
  });

  it("know this node's own row", () => {
    const tables = makeTables("node1", silentLogger);
    expect(tables.ownNode()).toBeUndefined();
    const node = (name: string) => ({
      key: `/calico/resources/v3/projectcalico.org/nodes/${name}`,
      value: JSON.stringify({ kind: "Node", apiVersion: "projectcalico.org/v3", metadata: { name }, spec: {} }),
      modRevision: 1n,
      createRevision: 1n,
      version: 1n,
      lease: 0n,
    });
    tables.nodes.put({ ...node("node2") });
    expect(tables.ownNode()).toBeUndefined();
    tables.nodes.put({ ...node("node1") });
    expect(tables.ownNode()?.name).toBe("node1");
  });
});
