import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, TestLab } from "./support/lab.ts";
import { nowUs, PacketStream } from "./support/packet-stream.ts";
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

  it("ends open connections that its policies take the permission from, and no others", async () => {
    const toNode = (ports: string) =>
      apply(
        "GlobalNetworkPolicy",
        "to-node",
        `{ selector: role == 'node', types: [Ingress], ingress: [{ action: Allow, protocol: TCP, destination: { ports: [${ports}] } }] }`,
      );
    toNode("7001, 7002");
    await eventuallyReaches(lab, "node1", NODE, 7002, true);
    const open = (port: number) =>
      PacketStream.open(lab, { from: "node1", to: "node2", address: NODE, port, protocol: "tcp", periodMs: 5 });
    const denied = await open(7001);
    const allowed = await open(7002);
    try {
      await Promise.all([denied.flowing(), allowed.flowing()]);
      toNode("7002");
      await eventually(
        async () => (await lab.agent("node2", "/policy/status")) as { connections: { revoked: number } },
        ({ connections }) => connections.revoked >= 1,
      );
      const cut = nowUs();
      await eventually(nowUs, (now) => now > cut + 1_000_000);
      const [cutOff, went] = await Promise.all([denied.stop(), allowed.stop()]);
      expect(cutOff.received).toBeGreaterThan(0);
      expect(cutOff.arrivals.filter(({ sentUs }) => sentUs > cut)).toEqual([]);
      expect(went.arrivals.filter(({ sentUs }) => sentUs > cut).length).toBeGreaterThan(100);
      expect(went.missing).toEqual([]);
    } finally {
      denied.kill();
      allowed.kill();
    }
  });
});
