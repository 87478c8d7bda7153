import { setImmediate as nextTurn } from "node:timers/promises";
import { parseAddress } from "@ocicat/net";
import { expect, it } from "vitest";
import { openProbeSocket } from "../../src/index.ts";
import { cleanup, run, type TestNamespace, testNetns } from "../helpers.ts";

/** 192.0.2.1 ─ 192.0.2.2 router 198.51.100.2 ─ 198.51.100.1, the second cable with an MTU of 1400. */
function routed() {
  const [left, middle, right] = [testNetns(), testNetns(), testNetns()];
  const ip = (end: TestNamespace, ...args: string[]) => run("ip", "-n", end.name, ...args);
  const cable = (end: TestNamespace, name: string, subnet: string, mtu: string) => {
    ip(end, "link", "add", "name", name, "mtu", mtu, "type", "veth", "peer", "name", name, "netns", middle.name);
    ip(middle, "link", "set", name, "mtu", mtu, "up");
    ip(middle, "addr", "add", `${subnet}.2/24`, "dev", name);
    ip(end, "link", "set", name, "up");
    ip(end, "addr", "add", `${subnet}.1/24`, "dev", name);
    ip(end, "route", "add", "default", "via", `${subnet}.2`);
  };
  cable(left, "octl", "192.0.2", "1500");
  cable(right, "octr", "198.51.100", "1400");
  run("ip", "netns", "exec", middle.name, "sysctl", "-qw", "net.ipv4.ip_forward=1");
  return { left, middle, right };
}

/** ICMP echo request with `data` bytes behind its header, all of them zero: type 8, code 0, checksum, identifier 1, sequence 1. */
const echo = (data: number) => Uint8Array.of(8, 0, 0xf7, 0xfd, 0, 1, 0, 1, ...new Uint8Array(data));

function probe(namespace: TestNamespace, peer: string) {
  const heard = { packets: [] as Uint8Array[], refusals: [] as string[] };
  const socket = openProbeSocket({
    namespace: namespace.handle,
    family: 4,
    protocol: 1,
    source: parseAddress("192.0.2.1"),
    peer: parseAddress(peer),
    onPacket: (bytes) => heard.packets.push(bytes),
    onRefusal: (errno) => heard.refusals.push(errno),
  });
  cleanup(() => socket.close());
  return { socket, heard };
}

it("hears what the peer answers, behind the IP header, and nobody else", async () => {
  const { left } = routed();
  const far = probe(left, "198.51.100.1");
  const near = probe(left, "192.0.2.2");
  far.socket.send(echo(4));
  while (far.heard.packets.length < 1) await nextTurn();
  expect(far.heard.packets).toEqual([Uint8Array.of(0, 0, 0xff, 0xfd, 0, 1, 0, 1, 0, 0, 0, 0)]);
  expect(near.heard).toEqual({ packets: [], refusals: [] });
});

it("is told by routers that a packet is too large, and by firewalls that it is not wanted", async () => {
  const { left, middle } = routed();
  const { socket, heard } = probe(left, "198.51.100.1");
  socket.send(echo(1500 - 28));
  while (heard.refusals.length < 1) await nextTurn();
  run(
    "ip",
    "netns",
    "exec",
    middle.name,
    "nft",
    "add table ip t; add chain ip t f { type filter hook forward priority 0; }; add rule ip t f reject with icmp admin-prohibited",
  );
  socket.send(echo(4));
  while (heard.refusals.length < 2) await nextTurn();
  expect(heard).toEqual({ packets: [], refusals: ["EMSGSIZE", "EHOSTUNREACH"] });
});

it("says what the kernel says at once, and refuses a peer that no route leads to", () => {
  const { left } = routed();
  const { socket } = probe(left, "198.51.100.1");
  expect(() => socket.send(echo(1500))).toThrow(/EMSGSIZE/);
  expect(() => probe(testNetns(), "198.51.100.1")).toThrow(/ENETUNREACH/);
});
