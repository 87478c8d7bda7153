import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FlowReport } from "@ocicat/agent";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, TestLab } from "./support/lab.ts";
import { eventuallyReaches, reaches } from "./support/reach.ts";

/** What rules log on the nodes of a lab, as its agents tell it. */
const lab = new TestLab();
const folder = mkdtempSync(join(tmpdir(), `${lab.name}-flows-`));

function apply(yaml: string): void {
  const file = join(folder, "resource.yaml");
  writeFileSync(file, `apiVersion: projectcalico.org/v3\n${yaml}`);
  const result = lab.ocicat("apply", "-f", file);
  expect(result, result.stderr).toMatchObject({ code: 0 });
}

const reporter = (state: string) =>
  apply(`kind: FelixConfiguration\nmetadata: { name: default }\nspec: { flowLogsLocalReporter: ${state} }\n`);

async function flowsOf(node: string, query = ""): Promise<readonly FlowReport[]> {
  return ((await lab.agent(node, `/flows${query}`)) as { readonly flows: readonly FlowReport[] }).flows;
}

const between = (source: string, destination: string, port: number) => (flow: FlowReport) =>
  flow.source.name === `default/${source}` && flow.destination.name === `default/${destination}` && flow.port === port;

beforeAll(async () => {
  await lab.up();
  expect(lab.ocicat("label", "wep", "node1-k8s-pod1-eth0", "app=web", "-n", "default")).toMatchObject({ code: 0 });
  apply(`kind: NetworkPolicy
metadata: { name: web, namespace: default }
spec:
  selector: app == 'web'
  types: [Ingress]
  ingress:
    - { action: Deny, protocol: TCP, destination: { ports: [81] } }
    - { action: Allow, protocol: TCP, destination: { ports: [80] } }
`);
  reporter("Enabled");
  for (const node of ["node1", "node2"]) {
    await eventually(
      async () => (await lab.exec(node, "nft", "list", "table", "inet", "ocicat-policy")).stdout,
      (rules) => rules.includes("log prefix"),
    );
  }
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  expect(await lab.down()).toEqual([]);
});

describe("flows", () => {
  it("tell of both ends what decided: the policy's rule that allows, the one that denies, and the tier's own end", async () => {
    await eventuallyReaches(lab, "pod2", "pod1", 80, true);
    for (const port of [81, 82]) expect(await reaches(lab, "pod2", lab.address("pod1"), port)).toBe(false);
    const all = await eventually(
      () => flowsOf("node1"),
      (flows) => [80, 81, 82].every((port) => flows.some(between("pod2", "pod1", port))),
    );
    const told = [80, 81, 82].map((port) => all.find(between("pod2", "pod1", port)));
    const policy = { by: "policy", name: "NetworkPolicy default/web", tier: "default" };
    expect(told.map((flow) => [flow?.action, flow?.reporter, flow?.steps])).toEqual([
      ["allow", "destination", [{ action: "allow", ...policy, rule: 1 }]],
      ["deny", "destination", [{ action: "deny", ...policy, rule: 0 }]],
      ["deny", "destination", [{ action: "deny", by: "tier", name: "default", tier: "default" }]],
    ]);
    expect(told[0]?.source.address).toBe(lab.address("pod2"));
    // The sender's side, on its node: no policy is about it, its profile lets it out.
    const out = await eventually(
      async () => (await flowsOf("node2")).find(between("pod2", "pod1", 82)),
      (flow) => flow !== undefined,
    );
    expect(out).toMatchObject({ action: "allow", reporter: "source", steps: [{ by: "profile" }] });
  });

  it("of a denied port can be followed, while they come", async () => {
    const url = "http://agent/flows?follow=1&dropped=1";
    const { child, ended } = lab.start("node1", "curl", "-sN", "--unix-socket", "/run/ocicat/agent.sock", url);
    const line = new Promise<string>((resolve) => child.stdout?.once("data", (chunk) => resolve(String(chunk))));
    // Followed is what comes from then on: until one is told, it is tried again.
    let told = false;
    void line.then(() => {
      told = true;
    });
    while (!told) await reaches(lab, "pod3", lab.address("pod1"), 83);
    child.kill();
    await ended;
    expect(JSON.parse((await line).split("\n")[0] ?? "")).toMatchObject({
      action: "deny",
      source: { kind: "workload", name: "default/pod3" },
      destination: { kind: "workload", name: "default/pod1" },
      port: 83,
    });
  });

  it("end with the setting, and policy goes on", async () => {
    reporter("Disabled");
    await eventually(
      async () => (await lab.exec("node1", "nft", "list", "table", "inet", "ocicat-policy")).stdout,
      (rules) => rules !== "" && !rules.includes("log prefix"),
    );
    const answer = await lab.out(
      "node1",
      "curl",
      "-s",
      "--unix-socket",
      "/run/ocicat/agent.sock",
      "http://agent/flows",
    );
    expect(JSON.parse(answer)).toMatchObject({
      code: "FLOWS_OFF",
      message: expect.stringContaining("flowLogsLocalReporter"),
    });
    expect(await reaches(lab, "pod2", lab.address("pod1"), 81)).toBe(false);
    await eventuallyReaches(lab, "pod2", "pod1", 80, true);
  });
});
