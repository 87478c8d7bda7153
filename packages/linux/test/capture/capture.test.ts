import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import {
  type CapturedFrame,
  type CaptureOptions,
  cookedFrame,
  openCapture,
  pcapHeader,
  pcapRecord,
} from "../../src/index.ts";
import { cleanup, run, testDirectory, testNetns } from "../helpers.ts";

/** Two namespaces, 192.0.2.1 and .2, joined by a veth. */
function pair() {
  const left = testNetns();
  const right = testNetns();
  run(
    "ip",
    "-n",
    left.name,
    "link",
    "add",
    "name",
    "octl",
    "type",
    "veth",
    "peer",
    "name",
    "octr",
    "netns",
    right.name,
  );
  for (const [end, device, address] of [
    [left, "octl", "192.0.2.1/24"],
    [right, "octr", "192.0.2.2/24"],
  ] as const) {
    run("ip", "-n", end.name, "link", "set", device, "up");
    run("ip", "-n", end.name, "addr", "add", address, "dev", device);
  }
  return { left, right };
}

const isIcmp = (frame: Uint8Array) => frame[12] === 8 && frame[13] === 0 && frame[23] === 1;

function capture(options: Omit<CaptureOptions, "onFrames">) {
  const frames: CapturedFrame[] = [];
  const opened = openCapture({ ...options, onFrames: (batch) => frames.push(...batch) });
  cleanup(() => opened.close());
  return { opened, frames };
}

describe("a capture", () => {
  it("sees what passes in its namespace, both ways, with times", async () => {
    const { left, right } = pair();
    const { opened, frames } = capture({ namespace: right.handle, interface: "octr", filter: isIcmp });
    const before = BigInt(Date.now()) * 1_000_000n;
    run("ip", "netns", "exec", left.name, "ping", "-c", "3", "-i", "0.01", "-s", "1000", "192.0.2.2");
    while (frames.length < 6) await nextTurn();
    const after = BigInt(Date.now() + 1) * 1_000_000n;
    expect(frames.map((frame) => frame.outgoing)).toEqual([false, true, false, true, false, true]);
    expect(frames.every((frame) => frame.length === 14 + 20 + 8 + 1000 && frame.bytes.length === frame.length)).toBe(
      true,
    );
    const times = frames.map((frame) => frame.timestamp);
    expect(times).toEqual(times.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
    expect([before <= (times[0] ?? 0n), (times.at(-1) ?? 0n) <= after]).toEqual([true, true]);
    expect(opened.dropped()).toBe(0);
  });

  it("keeps no more of a frame than it is told, and says how long it was", async () => {
    const { left, right } = pair();
    const { frames } = capture({ namespace: right.handle, filter: isIcmp, snapLength: 42 });
    run("ip", "netns", "exec", left.name, "ping", "-c", "1", "-s", "1000", "192.0.2.2");
    while (frames.length < 2) await nextTurn();
    expect(frames.map(({ bytes, length }) => [bytes.length, length])).toEqual([
      [42, 1042],
      [42, 1042],
    ]);
  });

  it("hands on what has arrived when it is closed, and nothing later", async () => {
    const { left, right } = pair();
    const { opened, frames } = capture({ namespace: right.handle, filter: isIcmp });
    run("ip", "netns", "exec", left.name, "ping", "-c", "1", "192.0.2.2");
    expect(frames).toEqual([]);
    opened.close();
    expect(frames).toHaveLength(2);
    run("ip", "netns", "exec", left.name, "ping", "-c", "1", "192.0.2.2");
    await nextTurn();
    expect(frames).toHaveLength(2);
    expect(opened.dropped()).toBe(0);
  });

  it("outlives its interface going down", async () => {
    const { left, right } = pair();
    const { frames } = capture({ namespace: right.handle, interface: "octr", filter: isIcmp });
    run("ip", "-n", right.name, "link", "set", "octr", "down");
    await nextTurn();
    run("ip", "-n", right.name, "link", "set", "octr", "up");
    run("ip", "netns", "exec", left.name, "ping", "-c", "1", "192.0.2.2");
    while (frames.length < 2) await nextTurn();
    expect(frames).toHaveLength(2);
  });

  it("on an interface that is not there is ENODEV", () => {
    const { handle } = testNetns();
    const attempt = () => openCapture({ namespace: handle, interface: "octnone", onFrames: () => {} });
    expect(attempt).toThrow(expect.objectContaining({ errno: "ENODEV" }));
  });

  it("written as a file is read by tcpdump", async () => {
    const { left, right } = pair();
    const { frames } = capture({ namespace: right.handle, filter: isIcmp });
    run("ip", "netns", "exec", left.name, "ping", "-c", "1", "192.0.2.2");
    while (frames.length < 2) await nextTurn();
    const file = join(testDirectory(), "capture.pcap");
    writeFileSync(file, Buffer.concat([pcapHeader(), ...frames.map(pcapRecord)]));
    const lines = run("tcpdump", "-n", "-tt", "-r", file, "--nano").trim().split("\n");
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain("192.0.2.1 > 192.0.2.2: ICMP echo request");
    expect(lines[1]).toContain("192.0.2.2 > 192.0.2.1: ICMP echo reply");
    const text = String(frames[0]?.timestamp);
    expect(lines[0]?.split(" ")[0]).toBe(`${text.slice(0, -9)}.${text.slice(-9)}`);
  });
});

describe("frames of all interfaces in one file", () => {
  it("are told apart by tshark: by number, direction and what they carry", async () => {
    const { left } = pair();
    const { frames } = capture({ namespace: left.handle, filter: isIcmp });
    run("ip", "netns", "exec", left.name, "ping", "-c", "1", "192.0.2.2");
    while (frames.length < 2) await nextTurn();
    // As a tunnel without link-layer header shows it: the packet itself.
    const [first] = frames;
    if (first === undefined) throw new Error("no frame");
    const bare = {
      ...first,
      bytes: first.bytes.subarray(14),
      length: first.length - 14,
      hardwareType: 768,
      linkIndex: 99,
    };
    const file = join(testDirectory(), "any.pcap");
    const records = [...frames, bare].map((frame) => pcapRecord(cookedFrame(frame)));
    writeFileSync(file, Buffer.concat([pcapHeader(65535, "cooked"), ...records]));
    const fields = ["sll.ifindex", "sll.pkttype", "sll.hatype", "ip.src", "icmp.type"].flatMap((field) => [
      "-e",
      field,
    ]);
    const lines = run("tshark", "-r", file, "-T", "fields", ...fields)
      .trim()
      .split("\n");
    const index = String(first.linkIndex);
    expect(lines.map((line) => line.split("\t"))).toEqual([
      [index, "4", "1", "192.0.2.1", "8"],
      [index, "0", "1", "192.0.2.2", "0"],
      ["99", "4", "768", "192.0.2.1", "8"],
    ]);
  });
});

describe("pcap", () => {
  it("has the nanosecond magic, Ethernet, and lengths of what was kept and what was there", () => {
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
    expect(hex(pcapHeader(65535))).toBe("4d3cb2a1" + "02000400" + "0000000000000000" + "ffff0000" + "01000000");
    expect(hex(pcapHeader(65535, "ip")).slice(-8)).toBe("65000000");
    expect(hex(pcapHeader(65535, "cooked")).slice(-8)).toBe("14010000");
    const record = pcapRecord({ timestamp: 1_000_000_002n, bytes: Uint8Array.of(0xab), length: 60 });
    expect(hex(record)).toBe("01000000" + "02000000" + "01000000" + "3c000000" + "ab");
  });
});
