import { describe, expect, it } from "vitest";
import { felixLayers } from "../../src/node/felix.ts";

function configuration(name: string, age: string, nodeSelector?: string) {
  const spec = nodeSelector === undefined ? {} : { nodeSelector };
  return { metadata: { name, creationTimestamp: `2026-11-${age}T00:00:00Z` }, spec };
}

const ALL = [
  configuration("node.node1", "01"),
  configuration("younger", "09", "rack == 'one'"),
  configuration("older", "03", "has(rack)"),
  configuration("elsewhere", "02", "rack == 'two'"),
  configuration("everywhere", "12", "all()"),
  configuration("default", "05"),
  configuration("node.node2", "01"),
];

const namesOf = (node: string, labels: Record<string, string>) =>
  felixLayers(ALL, node, labels).map(({ metadata }) => metadata.name);

describe("the configurations that hold on a node", () => {
  it("are the default, the oldest that selects it, and its own, the weakest first", () => {
    expect(namesOf("node1", { rack: "one" })).toEqual(["default", "older", "node.node1"]);
    expect(namesOf("node3", { rack: "two" })).toEqual(["default", "elsewhere"]);
  });

  it("a selector of all selects a node without labels", () => {
    expect(namesOf("node2", {})).toEqual(["default", "everywhere", "node.node2"]);
  });

  it("are none where there is none", () => {
    expect(felixLayers([], "node1", {})).toEqual([]);
  });
});
