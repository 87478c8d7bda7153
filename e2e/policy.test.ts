import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resourceKey } from "@ocicat/api";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { eventually, type Output, TestLab } from "./support/lab.ts";
import { nowUs, PacketStream } from "./support/packet-stream.ts";
import { eventuallyReaches, reaches } from "./support/reach.ts";

const lab = new TestLab();
const folder = mkdtempSync(join(tmpdir(), `${lab.name}-policy-`));
/** Files that were applied, to be deleted after each test, the last first. */
const applied: string[] = [];

function apply(name: string, yaml: string): Output {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, yaml);
  const result = lab.ocicat("apply", "-f", file);
  if (result.code === 0) applied.push(file);
  return result;
}

function applyPolicy(name: string, spec: string): Output {
  return apply(
    name,
    `apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: { name: ${name}, namespace: default }\nspec:\n${spec}`,
  );
}

const endpointOf = (pod: string, node: string) => `${node}-k8s-${pod}-eth0`;

function label(pod: string, node: string, ...words: string[]): void {
  const result = lab.ocicat("label", "wep", endpointOf(pod, node), ...words, "-n", "default");
  expect(result, result.stderr).toMatchObject({ code: 0 });
}

beforeAll(async () => {
  await lab.up();
  label("pod1", "node1", "app=web");
  label("pod2", "node2", "app=client");
  for (const from of ["pod0", "pod2", "pod3"]) await eventuallyReaches(lab, from, "pod1", 80, true);
});
afterEach(() => {
  for (const file of applied.splice(0).reverse()) expect(lab.ocicat("delete", "-f", file)).toMatchObject({ code: 0 });
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  expect(await lab.down()).toEqual([]);
});

const WEB = `
  selector: app == 'web'
  ingress:
    - action: Allow
      protocol: TCP
      source: { selector: app == 'client' }
      destination: { ports: [80] }
`;

describe("a policy", () => {
  it("lets in what it names, on this node and another, and nothing else; the pod's own node always gets to it", async () => {
    expect(applyPolicy("web", WEB)).toMatchObject({ code: 0 });
    await eventuallyReaches(lab, "pod0", "pod1", 80, false);
    await eventuallyReaches(lab, "pod2", "pod1", 80, true);
    expect(await reaches(lab, "pod2", lab.address("pod1"), 81)).toBe(false);
    expect(await reaches(lab, "pod3", lab.address("pod1"), 80)).toBe(false);
    await eventuallyReaches(lab, "node1", "pod1", 80, true);
    expect(await reaches(lab, "node2", lab.address("pod1"), 80)).toBe(false);
    // What it says nothing about is as before, its own pod's way out among it.
    await eventuallyReaches(lab, "pod1", "pod0", 80, true);
    await eventuallyReaches(lab, "pod3", "pod2", 80, true);
  });

  it("follows labels: who gets them gets in, who loses them is out", async () => {
    applyPolicy("web", WEB);
    await eventuallyReaches(lab, "pod0", "pod1", 80, false);
    label("pod0", "master", "app=client");
    await eventuallyReaches(lab, "pod0", "pod1", 80, true);
    label("pod0", "master", "app", "--remove");
    await eventuallyReaches(lab, "pod0", "pod1", 80, false);
    // And so does whom it is about.
    label("pod1", "node1", "app", "--remove");
    await eventuallyReaches(lab, "pod0", "pod1", 80, true);
    label("pod1", "node1", "app=web");
    await eventuallyReaches(lab, "pod0", "pod1", 80, false);
  });

  it("closes the way out too, and a tier above decides first", async () => {
    applyPolicy("out", "  selector: app == 'client'\n  types: [Egress]\n");
    await eventuallyReaches(lab, "pod2", "pod1", 80, false);
    await eventuallyReaches(lab, "pod1", "pod2", 80, true);
    apply("tier", "apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: { name: first }\nspec: { order: 10 }\n");
    const opens = apply(
      "opens",
      `apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: { name: first.opens }
spec:
  tier: first
  selector: app == 'client'
  types: [Egress]
  egress:
    - { action: Allow, protocol: TCP, destination: { nets: ["${lab.address("pod1")}/32"] } }
    - { action: Pass }
`,
    );
    expect(opens, opens.stderr).toMatchObject({ code: 0 });
    await eventuallyReaches(lab, "pod2", "pod1", 80, true);
    expect(await reaches(lab, "pod2", lab.address("pod0"), 80)).toBe(false);
  });

  it("is in force for a pod before its ADD is answered", async () => {
    applyPolicy("web", WEB);
    await eventuallyReaches(lab, "pod0", "pod1", 80, false);
    const { addresses } = await lab.lab.run("late", "default", "node1", { labels: { app: "web" } });
    expect(await reaches(lab, "pod3", addresses[0] ?? "", 80)).toBe(false);
    await eventuallyReaches(lab, "pod2", addresses[0] ?? "", 80, true);
    await lab.lab.pods().remove("late");
  });
});

describe("connections that were open", () => {
  it.each(["udp", "tcp"] as const)("by %s end when a policy takes their permission, others go on", async (protocol) => {
    const denied = await PacketStream.open(lab, { from: "pod0", to: "pod1", port: 7001, protocol, periodMs: 5 });
    const allowed = await PacketStream.open(lab, { from: "pod2", to: "pod1", port: 7002, protocol, periodMs: 5 });
    try {
      await Promise.all([denied.flowing(), allowed.flowing()]);
      applyPolicy(
        "web",
        WEB.replace("[80]", "[80, 7002]").replace("protocol: TCP", `protocol: ${protocol.toUpperCase()}`),
      );
      await eventually(
        async () => (await lab.agent("node1", "/policy/status")) as { connections: { revoked: number } },
        ({ connections }) => connections.revoked >= (protocol === "udp" ? 1 : 2),
      );
      const cut = nowUs();
      // A second is 200 packets: more than enough to see whether one comes.
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

describe("a policy that is wrong", () => {
  it.each([
    ["an action that is none", "  ingress: [{ action: Maybe }]\n", /line 5, column \d+/],
    [
      "a port that is none",
      "  ingress: [{ action: Allow, protocol: TCP, destination: { ports: [70000] } }]\n",
      /line 5, column \d+/,
    ],
    ["a selector without its end", "  selector: has(app\n", /line 5, column \d+/],
    ["a tier that does not exist", "  tier: nowhere\n", /line 5, column \d+/],
  ])("with %s is refused, with line and column, and nothing is stored", (_what, spec, place) => {
    const { code, stdout, stderr } = applyPolicy("wrong", spec);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(place);
    expect(lab.ocicat("get", "networkpolicy", "wrong", "-n", "default").code).toBe(1);
  });

  it("and that somebody else has stored closes what it is about, and every node says why", async () => {
    const key = resourceKey("NetworkPolicy", "foreign", "default");
    const value = {
      kind: "NetworkPolicy",
      apiVersion: "projectcalico.org/v3",
      metadata: { name: "foreign", namespace: "default" },
      spec: { tier: "default", selector: "app == 'web'", types: ["Ingress"], ingress: [{ action: "Maybe" }] },
    };
    await lab.store.put(key, JSON.stringify(value));
    await eventuallyReaches(lab, "pod2", "pod1", 80, false);
    expect(await lab.agent("node1", "/policy/status")).toMatchObject({
      conditions: [{ resource: { kind: "NetworkPolicy", name: "default/foreign" } }],
    });
    await lab.store.delete(key);
    await eventuallyReaches(lab, "pod2", "pod1", 80, true);
  });
});

it("is proved: what every node's kernel does to every packet is what policy wants", async () => {
  applyPolicy("web", WEB);
  await eventuallyReaches(lab, "pod0", "pod1", 80, false);
  for (const node of ["master", "node1", "node2"]) {
    const proof = await lab.agent(node, "/policy/verify");
    expect(proof).toMatchObject({ differences: 0, text: [] });
  }
});

it("tells what decides about a pod, rule for rule, with how much each has met", async () => {
  applyPolicy("web", WEB);
  await eventuallyReaches(lab, "pod0", "pod1", 80, false);
  await reaches(lab, "pod2", lab.address("pod1"), 80);
  const shown = (await lab.agent("node1", "/policy/show?endpoint=default/pod1")) as {
    stages: {
      direction: string;
      tiers: { name: string; policies: { id: string; rules: { packets: number }[] }[] }[];
    }[];
  };
  const [tier] = shown.stages.find(({ direction }) => direction === "ingress")?.tiers ?? [];
  expect(tier).toMatchObject({
    name: "default",
    policies: [
      {
        id: "NetworkPolicy default/web",
        rules: [{ field: "spec.ingress[0]", action: "allow" }],
      },
    ],
  });
  expect(tier?.policies[0]?.rules[0]?.packets).toBeGreaterThan(0);
});
