import { describe, expect, it } from "vitest";
import {
  allCases,
  type Cluster,
  clustersOf,
  isExpected,
  modelOf,
  openCluster,
  packetOf,
  probesOf,
} from "../src/cases/index.ts";
import { verdict } from "../src/index.ts";

const open = openCluster();
const cases = allCases(open);
const probes = probesOf(open);

/** Connections that the product and Kubernetes judge otherwise than each other. */
function disagreements(cluster: Cluster, nodeOf?: (pod: string) => string): readonly string[] {
  const model = modelOf(cluster, nodeOf);
  return probes.flatMap((probe) => {
    const found = verdict(packetOf(probe, cluster), model).allowed;
    if (found === isExpected(probe, cluster)) return [];
    const { source, destination, protocol, port } = probe;
    return [`${source} -> ${destination} ${protocol} ${port} is ${found ? "allowed" : "denied"}`];
  });
}

describe("Kubernetes' policies, case by case", () => {
  it("are many, each under a name of its own", () => {
    expect(cases.length).toBeGreaterThan(230);
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  });

  it("close something and leave something open, in nearly all of them", () => {
    const counts = cases.map((one) => {
      const last = clustersOf(one, open).map((cluster) => probes.filter((probe) => isExpected(probe, cluster)).length);
      return Math.min(...last);
    });
    expect(counts.filter((count) => count < probes.length).length / counts.length).toBeGreaterThan(0.9);
    expect(Math.min(...counts)).toBeGreaterThan(0);
  });

  it.each(cases.map((one) => [one.name, one] as const))("%s", (_, one) => {
    for (const cluster of clustersOf(one, open)) expect(disagreements(cluster)).toEqual([]);
  });

  it("are the same with pods on three nodes", () => {
    const nodeOf = (pod: string) => `node-${pod.split("/")[1]}`;
    for (const one of cases.filter((_, index) => index % 7 === 0)) {
      for (const cluster of clustersOf(one, open)) expect(disagreements(cluster, nodeOf), one.name).toEqual([]);
    }
  });
});
