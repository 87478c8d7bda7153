import { release } from "node:os";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pingCounts, TestLab } from "../support/lab.ts";

const lab = new TestLab();
beforeAll(() => lab.up());
afterAll(() => lab.down());

describe("a lab in a user-mode machine", () => {
  it("is on a kernel that has IPIP and our guard's family of rules", async () => {
    expect(release()).toMatch(/^6\.12\./);
    expect(await lab.out("node1", "ip", "-d", "link", "show", "tunl0")).toContain("ipip");
    expect(await lab.out("node1", "nft", "list", "table", "inet", "ocicat-guard")).toContain("flags owner");
  });

  it("carries packets between pods of two nodes, and to the outside", async () => {
    for (const address of [lab.address("pod2"), "203.0.113.10"]) {
      const { stdout } = await lab.exec("pod1", "ping", "-c", "3", "-i", "0.2", "-W", "2", address);
      expect(pingCounts(stdout), stdout).toEqual({ sent: 3, received: 3 });
    }
  });

  it("is taken down without a trace", async () => {
    expect(await lab.down()).toEqual([]);
  });
});
