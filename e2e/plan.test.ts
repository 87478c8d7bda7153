import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "./support/lab.ts";
import { ModeLab } from "./support/modes.ts";
import { planFacts } from "./support/plan-facts.ts";

// What this machine's kernel can do; IPIP's share is in e2e/uml.
planFacts(["never", "vxlan-always", "vxlan-cross"]);

describe("a pool without vxlanMode, where agents run without BGP", () => {
  const lab = new ModeLab("vxlan-always", "vxlan");
  beforeAll(() => lab.up());
  afterAll(async () => {
    expect(await lab.down()).toEqual([]);
  });

  it("is a finding of apply, and refused by plan, with the nodes and what to do", async () => {
    await eventually(
      () => ["node1", "node2", "node3"].map((name) => lab.node(name).metadata.annotations?.["ocicat.io/backend"]),
      (backends) => backends.every((backend) => backend === "vxlan"),
    );
    const found =
      "IPPool default-ipv4-ippool: the pool has neither ipipMode nor vxlanMode, and the backend of node1, node2, node3 is " +
      "vxlan: there is no BGP with this backend";
    const file = join(tmpdir(), `${lab.name}-never.yaml`);
    const { stdout: yaml } = lab.ocicat("get", "ippool", "default-ipv4-ippool", "-o", "yaml");
    writeFileSync(file, yaml.replace("vxlanMode: Always", "vxlanMode: Never"));
    const plan = lab.ocicat("pool", "plan", "-f", file);
    expect(plan.stderr).toContain(found);
    expect([plan.code, plan.stdout]).toEqual([1, ""]);
    const applied = lab.ocicat("apply", "-f", file);
    rmSync(file);
    expect(applied.stderr).toContain(found);
    expect([applied.code, applied.stdout]).toEqual([0, "Successfully applied 1 'IPPool' resource(s)\n"]);
  });
});
