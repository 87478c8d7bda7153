import { setImmediate as nextTurn } from "node:timers/promises";
import { parseAddress } from "@ocicat/net";
import { expect, it } from "vitest";
import { type CapturedFrame, linkTypeOf, openCapture, openPacketSender } from "../../src/index.ts";
import { cleanup, run, type TestNamespace, testNetns } from "../helpers.ts";

/** Two namespaces, 192.0.2.1 and .2, joined by a veth of MTU 1400. */
function pair() {
  const left = testNetns();
  const right = testNetns();
  const ip = (end: TestNamespace, ...args: string[]) => run("ip", "-n", end.name, ...args);
  ip(left, "link", "add", "name", "octl", "mtu", "1400", "type", "veth", "peer", "name", "octr", "netns", right.name);
  ip(right, "link", "set", "octr", "mtu", "1400");
  for (const [end, device, address] of [
    [left, "octl", "192.0.2.1/24"],
    [right, "octr", "192.0.2.2/24"],
  ] as const) {
    ip(end, "link", "set", device, "up");
    ip(end, "addr", "add", address, "dev", device);
  }
  return { left, right, ip };
}

/** ICMP echo request without data: type 8, code 0, checksum, identifier 1, sequence 1. */
const ECHO = Uint8Array.of(8, 0, 0xf7, 0xfd, 0, 1, 0, 1);
const PEER = parseAddress("192.0.2.2");

function sender(namespace: TestNamespace, protocol: "udp" | number, sourcePort?: number) {
  const opened = openPacketSender({ namespace: namespace.handle, family: 4, protocol, sourcePort });
  cleanup(() => opened.close());
  return opened;
}

it("sends by the namespace's own kernel, unfragmented, and the answer comes", async () => {
  const { left } = pair();
  const frames: CapturedFrame[] = [];
  const filter = (frame: Uint8Array) => frame[23] === 1;
  const capture = openCapture({ namespace: left.handle, filter, onFrames: (batch) => frames.push(...batch) });
  cleanup(() => capture.close());
  sender(left, 1).send(ECHO, PEER);
  while (frames.length < 2) await nextTurn();
  expect(frames.map(({ outgoing, forOthers }) => [outgoing, forOthers])).toEqual([
    [true, false],
    [false, false],
  ]);
  expect(frames.map((frame) => [frame.etherType, linkTypeOf(frame.hardwareType)])).toEqual([
    [0x0800, "ethernet"],
    [0x0800, "ethernet"],
  ]);
  expect((frames[0]?.bytes[20] ?? 0) & 0x40).toBe(0x40);
});

it("sends datagrams from the port it was told", async () => {
  const { left, right } = pair();
  const frames: CapturedFrame[] = [];
  const filter = (frame: Uint8Array) => frame[23] === 17;
  const capture = openCapture({ namespace: right.handle, filter, onFrames: (batch) => frames.push(...batch) });
  cleanup(() => capture.close());
  sender(left, "udp", 40_000).send(Uint8Array.of(1, 2, 3), PEER, 9);
  while (frames.length < 1) await nextTurn();
  expect([...(frames[0]?.bytes.subarray(34, 38) ?? [])]).toEqual([0x9c, 0x40, 0, 9]);
});

it("says what the kernel finds before the packet leaves", () => {
  const { left, ip } = pair();
  const raw = sender(left, 1);
  const to =
    (address: string, bytes = ECHO) =>
    () =>
      raw.send(bytes, parseAddress(address));
  expect(to("198.51.100.1")).toThrow(expect.objectContaining({ errno: "ENETUNREACH" }));
  ip(left, "route", "add", "blackhole", "198.51.100.0/24");
  expect(to("198.51.100.1")).toThrow(expect.objectContaining({ errno: "EINVAL" }));
  expect(to("192.0.2.2", new Uint8Array(1381))).toThrow(expect.objectContaining({ errno: "EMSGSIZE" }));
  expect(to("192.0.2.2", new Uint8Array(1380))).not.toThrow();
  run(
    "ip",
    "netns",
    "exec",
    left.name,
    "nft",
    "add table ip t; add chain ip t c { type filter hook output priority 0; policy drop; }",
  );
  expect(to("192.0.2.2")).toThrow(expect.objectContaining({ errno: "EPERM" }));
});
