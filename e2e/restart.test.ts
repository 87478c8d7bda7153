import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, OCICAT, pingCounts, TestLab } from "./support/lab.ts";

const lab = new TestLab();
const scratch = mkdtempSync(join(tmpdir(), "ocicat-test-restart-"));
beforeAll(() => lab.up());
afterAll(async () => {
  rmSync(scratch, { recursive: true });
  expect(await lab.down()).toEqual([]);
});

/** What changes the kernel, as strace decodes netlink: messages that make, replace or take away an object. */
const WRITES =
  /\b(RTM_(?:NEW|DEL|SET)(?:ROUTE|LINK|ADDR|NEIGH|RULE)|NFT_MSG_(?:NEW|DEL|DESTROY)(?:CHAIN|RULE|SET|SETELEM|OBJ))\b/;

describe("an agent that is killed", () => {
  it("loses no packet in either direction, dead or starting again, and rewrites nothing that was right", async () => {
    // What goes missing is the restart's doing only if they reached each other before.
    for (const [from, to] of [
      ["pod1", "pod2"],
      ["pod2", "pod1"],
      ["pod0", "pod3"],
    ] as const) {
      await eventually(
        () => lab.exec(from, "ping", "-c", "1", "-W", "1", lab.address(to)),
        (result) => pingCounts(result.stdout).received === 1,
      );
    }
    const pings = [
      lab.exec("pod1", "ping", "-q", "-i", "0.005", "-c", "1600", "-W", "1", lab.address("pod2")),
      lab.exec("pod2", "ping", "-q", "-i", "0.005", "-c", "1600", "-W", "1", lab.address("pod1")),
      lab.exec("pod0", "ping", "-q", "-i", "0.005", "-c", "1600", "-W", "1", lab.address("pod3")),
    ];
    const before = await lab.out("node1", "ip", "route");
    await lab.lab.kill("agent-node1");
    // The peers have noticed: their sessions are down and they keep the routes (RFC 4724).
    await eventually(
      () => lab.agent("master", "/bgp") as Promise<{ peers: { address: string; state: string; stale: number }[] }>,
      (status) =>
        status.peers.some((peer) => peer.address === "192.168.0.81" && peer.state !== "Established" && peer.stale > 0),
    );
    expect(await lab.out("node1", "ip", "route")).toBe(before);

    const trace = join(scratch, "strace");
    const traced = lab.withCommand([
      "strace",
      "-f",
      "-qq",
      "-s",
      "64",
      "-e",
      "trace=sendto,sendmsg,sendmmsg,write,writev",
      "-o",
      trace,
      process.execPath,
      OCICAT,
    ]);
    await traced.restartAgent("node1");
    await eventually(
      () => lab.agent("node1", "/bgp") as Promise<{ peers: { state: string }[] }>,
      (status) => status.peers.length === 2 && status.peers.every((peer) => peer.state === "Established"),
    );
    // Ready means: its own pods can be added again, and what BGP relearnt is what was there.
    for (const result of await Promise.all(pings))
      expect(pingCounts(result.stdout)).toEqual({ sent: 1600, received: 1600 });
    expect(await lab.out("node1", "ip", "route")).toBe(before);
    const lines = readFileSync(trace, "utf8").split("\n");
    // The witness must have seen the agent at work: it read the kernel over netlink.
    expect(lines.some((line) => line.includes("RTM_GETROUTE"))).toBe(true);
    expect(lines.filter((line) => WRITES.test(line))).toEqual([]);
  }, 120_000);

  it("takes pods again after its restart", async () => {
    const pod = await lab.lab.run("after", "default", "node1");
    await eventually(
      () => lab.exec("pod2", "ping", "-c", "1", "-W", "1", pod.addresses[0] ?? ""),
      (result) => pingCounts(result.stdout).received === 1,
    );
    await lab.lab.pods().remove("after");
  });
});

describe("what somebody else does to the kernel", () => {
  it("a route of ours that is deleted comes back; one of theirs is left alone", async () => {
    const route =
      (await lab.out("node1", "ip", "route", "show", "proto", "bird"))
        .split("\n")
        .find((line) => line.includes("via")) ?? "";
    const destination = route.split(" ")[0] ?? "";
    await lab.out("node1", "ip", "route", "add", "10.77.0.0/16", "via", "192.168.0.1", "proto", "bird");
    await lab.out("node1", "ip", "route", "del", destination);
    await eventually(
      () => lab.out("node1", "ip", "route"),
      (text) => text.includes(route.trim()),
    );
    expect(await lab.out("node1", "ip", "route", "show", "10.77.0.0/16")).toContain("proto bird");
    await lab.out("node1", "ip", "route", "del", "10.77.0.0/16");
  });
});
