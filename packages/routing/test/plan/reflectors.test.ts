import { describe, expect, it } from "vitest";
import { planReflectors, type ReflectorCandidate } from "../../src/plan/index.ts";

const node = (name: string, extra: Partial<ReflectorCandidate> & { zone?: string } = {}): ReflectorCandidate => {
  const { zone, ...rest } = extra;
  const labels = zone === undefined ? {} : { "topology.kubernetes.io/zone": zone };
  return { name, labels, hasAddress: true, clusterId: undefined, ...rest };
};
const many = (count: number) =>
  Array.from({ length: count }, (_, index) => node(`node${String(index).padStart(3, "0")}`));

describe("which nodes reflect", () => {
  it("two, by name; three of many", () => {
    expect(planReflectors(many(10))).toEqual({
      reflectors: ["node000", "node001"],
      clusterId: "244.0.0.1",
      sessionsBefore: 9,
      sessionsAfter: 2,
    });
    expect(planReflectors(many(201))?.reflectors).toHaveLength(3);
    expect(planReflectors(many(10), 4)?.reflectors).toHaveLength(4);
  });

  it("one of each zone, while there are zones", () => {
    const nodes = [node("a", { zone: "1" }), node("b", { zone: "1" }), node("c", { zone: "2" }), node("d"), node("e")];
    expect(planReflectors(nodes)?.reflectors).toEqual(["a", "c"]);
  });

  it("those that do already, with their cluster; none without an address", () => {
    const nodes = [
      node("a", { hasAddress: false }),
      node("b"),
      node("c"),
      node("d", { clusterId: "224.0.0.9" }),
      node("e"),
    ];
    expect(planReflectors(nodes)).toMatchObject({ reflectors: ["d", "b"], clusterId: "224.0.0.9" });
  });

  it("nobody, where there is nothing to reflect between", () => {
    expect(planReflectors(many(3))).toBeUndefined();
  });
});
