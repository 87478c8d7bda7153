import {
  allCases,
  type Case,
  clustersOf,
  isExpected,
  modelOf,
  openCluster,
  packetOf,
  probesOf,
} from "@ocicat/policy/cases";
import { Proof } from "./prove.ts";

const open = openCluster();
const probes = probesOf(open);

export const KUBERNETES_CASES: readonly Case[] = allCases(open);

/** Every connection after every step of every case, by packets. Answers those that fare otherwise than Kubernetes says. */
export function wrongInKernel(cases: readonly Case[]): readonly string[] {
  using proof = new Proof(modelOf(open), "changes");
  return cases.flatMap((one) =>
    clustersOf(one, open).flatMap((cluster, step) => {
      proof.enforce(modelOf(cluster));
      const judged = probes.map((probe) => ({
        probe,
        packet: packetOf(probe, cluster),
        allowed: isExpected(probe, cluster),
      }));
      return proof.unexpected(judged).map(({ probe, allowed }) => {
        const { source, destination, protocol, port } = probe;
        const way = `${source} to ${destination} ${protocol} ${port}`;
        return `${one.name}, step ${step}: ${way} is ${allowed ? "lost" : "let through"}`;
      });
    }),
  );
}
