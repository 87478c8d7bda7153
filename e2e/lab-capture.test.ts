import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { collect, eventually, OCICAT, TestLab } from "./support/lab.ts";

const lab = new TestLab();
const directory = mkdtempSync(join(tmpdir(), "oct-capture-"));
const running = new Set<ChildProcess>();

beforeAll(() => lab.up());
afterEach(() => {
  for (const child of running) child.kill("SIGKILL");
  running.clear();
});
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  expect(await lab.down()).toEqual([]);
});

/** The command, running; it listens when this resolves. */
async function capture(...args: string[]) {
  const [where = ""] = args;
  const before = await packetSockets(where);
  const child = spawn(process.execPath, [OCICAT, "lab", "capture", ...args, "--name", lab.name], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  const ended = collect(child);
  await eventually(
    () => packetSockets(where),
    (count) => count > before || child.exitCode !== null,
  );
  return { child, ended };
}

/** The kernel's own list of who listens in a namespace. */
async function packetSockets(where: string): Promise<number> {
  const result = await lab.exec(where, "cat", "/proc/net/packet");
  return result.stdout.trim().split("\n").length;
}

describe("lab capture", () => {
  it("shows what passes, a line each, and ends when it has seen enough", async () => {
    const seen = await capture("pod1", "eth0", "-c", "2");
    const target = lab.address("pod3");
    await lab.out("pod1", "ping", "-c", "2", "-i", "0.2", "-W", "2", target);
    const { code, stdout, stderr } = await seen.ended;
    expect([code, stderr]).toEqual([0, "ocicat: 2 packets, 0 dropped\n"]);
    const lines = stdout.trim().split("\n");
    expect(lines).toHaveLength(2);
    for (const line of lines)
      expect(line).toMatch(/^\d\d:\d\d:\d\d\.\d{6} eth0 (out|in ) ([0-9a-f]{2}:){5}[0-9a-f]{2} > /);
    expect(stdout).toMatch(/ARP who has 169\.254\.1\.1\?|ICMP echo request/);
  });

  it("ends at Ctrl-C with what it has counted", async () => {
    const seen = await capture("pod1", "any");
    await lab.out("pod1", "ping", "-c", "1", "-W", "2", lab.address("pod2"));
    seen.child.kill("SIGINT");
    const { code, stdout, stderr } = await seen.ended;
    expect(code).toBe(0);
    const lines = stdout.trim().split("\n");
    expect(stderr).toBe(`ocicat: ${lines.length} packets, 0 dropped\n`);
    const request = `${lab.address("pod1")} > ${lab.address("pod2")} ttl 64: ICMP echo request`;
    expect(lines.filter((line) => line.includes(request) && line.includes(" eth0 out "))).toHaveLength(1);
    const reply = `${lab.address("pod2")} > ${lab.address("pod1")} ttl 62: ICMP echo reply`;
    expect(lines.filter((line) => line.includes(reply) && line.includes(" eth0 in "))).toHaveLength(1);
  });

  it.each([
    ["ens33", "frame.protocols"],
    ["any", "sll.ifindex"],
  ])("writes node1's %s as Wireshark reads it", async (iface, field) => {
    const file = join(directory, `${iface}.pcap`);
    const seen = await capture("node1", iface, "-w", file);
    await lab.out("pod1", "ping", "-c", "1", "-W", "2", lab.address("pod2"));
    seen.child.kill("SIGINT");
    const { code, stdout } = await seen.ended;
    expect([code, stdout]).toEqual([0, ""]);
    const read = spawnSync(
      "tshark",
      ["-r", file, "-Y", "icmp", "-T", "fields", "-e", field, "-e", "ip.src", "-e", "ip.ttl"],
      {
        encoding: "utf8",
      },
    );
    const rows = read.stdout.trim().split("\n");
    // On ens33 the request and the reply; on any of them also on the pod's own interface.
    expect(rows).toHaveLength(iface === "any" ? 4 : 2);
    expect(rows.every((row) => /\t(10\.\d+\.\d+\.\d+)\t6[234]$/.test(row))).toBe(true);
  });

  it("writes to standard output for another program", async () => {
    const before = await packetSockets("pod1");
    const command = `${process.execPath} ${OCICAT} lab capture pod1 eth0 -c 4 -w - --name ${lab.name} | tshark -r - -Y icmp`;
    const child = spawn("sh", ["-c", command], { stdio: ["ignore", "pipe", "pipe"] });
    running.add(child);
    const ended = collect(child);
    await eventually(
      () => packetSockets("pod1"),
      (count) => count > before,
    );
    await lab.out("pod1", "ping", "-c", "3", "-i", "0.1", "-W", "2", lab.address("pod2"));
    expect((await ended).stdout).toContain("Echo (ping) request");
  });

  it("ends when nobody reads any more", async () => {
    const command = `${process.execPath} ${OCICAT} lab capture pod1 eth0 --name ${lab.name} | head -1`;
    const child = spawn("sh", ["-c", command], { stdio: ["ignore", "pipe", "pipe"], detached: true });
    running.add(child);
    const ended = collect(child);
    await eventually(
      async () => {
        await lab.exec("pod1", "ping", "-c", "1", "-W", "1", lab.address("pod2"));
        return child.exitCode;
      },
      (code) => code !== null,
    );
    expect((await ended).code).toBe(0);
  });

  it.each([
    [["nowhere", "eth0"], 'there is no "nowhere"'],
    [["pod1", "eth9"], 'there is no interface "eth9"; use any, or one of lo, eth0'],
    [["pod1", "eth0", "-c", "0"], '"0" is not a number of packets'],
    [["pod1", "eth0", "-w", "/nonexistent/file"], "/nonexistent/file: cannot be written"],
  ])("refuses %j and says what there is", (args, message) => {
    const result = lab.ocicat("lab", "capture", ...args, "--name", lab.name);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(message);
    expect(result.stdout).toBe("");
  });
});
