import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestLab } from "./support/lab.ts";
import { eventuallyReaches, reaches } from "./support/reach.ts";

const TOPOLOGY = fileURLToPath(new URL("../packages/lab/topologies/vxlan.yaml", import.meta.url));
/** A lab's first node is called node1: its agent is who answers. */
const lab = new TestLab(
  readFileSync(TOPOLOGY, "utf8").replaceAll("controlplane", "node1").replaceAll("node01", "node2"),
);
const folder = mkdtempSync(join(tmpdir(), `${lab.name}-hosts-`));
const [near, far] = ["busybox-deployment-8c7dc8548-8bxnw", "busybox-deployment-8c7dc8548-kmxst"];
const NODE = "172.17.0.40";

function apply(kind: string, name: string, spec: string): void {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(
    file,
    `apiVersion: projectcalico.org/v3\nkind: ${kind}\nmetadata: { name: ${name}, labels: { role: node } }\nspec: ${spec}\n`,
  );
  expect(lab.ocicat("apply", "-f", file)).toMatchObject({ code: 0 });
}

beforeAll(async () => {
  await lab.up();
  await eventuallyReaches(lab, near, far, 80, true);
  await eventuallyReaches(lab, "node1", NODE, 81, true);
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  expect(await lab.down()).toEqual([]);
});

describe("a host endpoint of all interfaces, in an overlay", () => {
  it("closes its node to others but for the failsafe ports, and leaves pods their way through the tunnel", async () => {
    apply("HostEndpoint", "node2-all", '{ node: node2, interfaceName: "*" }');
    await eventuallyReaches(lab, "node1", NODE, 81, false);
    expect(await reaches(lab, "node1", NODE, 22)).toBe(true);
    // Packets in packets are what nobody closes: the pods' own policies judge what is in them.
    await eventuallyReaches(lab, near, far, 80, true);
    await eventuallyReaches(lab, far, near, 80, true);
    // A node always reaches its own workloads.
    await eventuallyReaches(lab, "node2", far, 80, true);
  });

  it("is opened by policies, and judges what the node forwards only where they say so", async () => {
    apply(
      "GlobalNetworkPolicy",
      "to-node",
      "{ selector: role == 'node', types: [Ingress], ingress: [{ action: Allow, protocol: TCP, destination: { ports: [81] } }] }",
    );
    await eventuallyReaches(lab, "node1", NODE, 81, true);
    expect(await reaches(lab, "node1", NODE, 82)).toBe(false);
    await eventuallyReaches(lab, near, far, 82, true);
    apply(
      "GlobalNetworkPolicy",
      "through-node",
      "{ selector: role == 'node', order: 1, applyOnForward: true, types: [Ingress], ingress: [{ action: Allow, protocol: TCP, destination: { ports: [80, 81] } }] }",
    );
    await eventuallyReaches(lab, near, far, 82, false);
    await eventuallyReaches(lab, near, far, 80, true);
  });
});
