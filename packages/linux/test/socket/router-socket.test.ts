import { closeSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import {
  addressToBytes,
  ByteWriter,
  formatAddress,
  type Ipv6,
  internetChecksum,
  ipv6,
  parseAddress,
} from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { openRouterSocket } from "../../src/index.ts";
import { check } from "../../src/libc/library.ts";
import { AF_PACKET, if_nametoindex } from "../../src/libc/packet-calls.ts";
import { SOCK_CLOEXEC, SOCK_RAW, sendto, socket } from "../../src/libc/socket-calls.ts";
import { withNetns } from "../../src/namespace/with.ts";
import { cleanup, run, type TestNamespace, testNetns } from "../helpers.ts";

const ADVERTISEMENT = [134, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const ALL_NODES = six("ff02::1");

function six(text: string): Ipv6 {
  const address = parseAddress(text);
  return ipv6(typeof address === "bigint" ? address : 0n);
}

/** fe80::1 ─ fe80::2, and what the left end hears. */
function pair() {
  const [left, right] = [testNetns(), testNetns()];
  const ip = (end: TestNamespace, ...args: string[]) => run("ip", "-n", end.name, ...args);
  ip(left, "link", "add", "name", "wire", "type", "veth", "peer", "name", "wire", "netns", right.name);
  for (const [n, end] of [left, right].entries()) {
    ip(end, "link", "set", "wire", "addrgenmode", "none");
    ip(end, "link", "set", "wire", "up");
    ip(end, "addr", "add", `fe80::${n + 1}/64`, "dev", "wire", "nodad");
  }
  const heard: { readonly from: string; readonly bytes: Uint8Array }[] = [];
  const open = (end: TestNamespace) => {
    const opened = openRouterSocket({
      namespace: end.handle,
      link: "wire",
      onMessage: (source, bytes) => {
        if (end === left) heard.push({ from: formatAddress(source), bytes });
      },
    });
    cleanup(() => opened.close());
    return opened;
  };
  return { left: open(left), right: open(right), far: right, heard };
}

/** Byte 4 of what is forged: the hop limit that hosts are told. */
const [FORGED, HONEST] = [1, 2];

interface Forged {
  readonly hopLimit?: number;
  readonly type?: number;
  readonly checksum?: number;
  readonly mark?: number;
}

/** A frame of the right end's, byte by byte. */
function forge(end: TestNamespace, { hopLimit = 255, type = 134, checksum, mark = FORGED }: Forged): void {
  const message = Uint8Array.from(ADVERTISEMENT);
  message[0] = type;
  message[4] = mark;
  const [source, destination] = [addressToBytes(six("fe80::2")), addressToBytes(ALL_NODES)];
  const pseudo = new ByteWriter().bytes(source).bytes(destination).u32(message.length).u32(58).bytes(message).finish();
  new DataView(message.buffer).setUint16(2, checksum ?? internetChecksum(pseudo));
  const frame = new ByteWriter()
    .bytes(Uint8Array.of(0x33, 0x33, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd))
    .u32(0x6000_0000)
    .u16(message.length)
    .u8(58)
    .u8(hopLimit)
    .bytes(source)
    .bytes(destination)
    .bytes(message)
    .finish();
  withNetns(end.handle, () => {
    const fd = check("socket(AF_PACKET)", socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    const to = new Uint8Array(20);
    new DataView(to.buffer).setUint16(0, AF_PACKET, true);
    new DataView(to.buffer).setInt32(4, if_nametoindex("wire"), true);
    check("sendto", sendto(fd, frame, frame.length, 0, to, to.length));
    closeSync(fd);
  });
}

describe("a socket of routers", () => {
  it("says and hears, with the sender's link-local address and the checksum that the kernel has written", async () => {
    const { left, right, heard } = pair();
    right.send(Uint8Array.from(ADVERTISEMENT), ALL_NODES);
    right.send(Uint8Array.from([133, 0, 0, 0, 0, 0, 0, 0]), six("ff02::2"));
    right.send(Uint8Array.from(ADVERTISEMENT), six("fe80::1"));
    while (heard.length < 3) await nextTurn();
    expect(heard.map(({ from, bytes }) => `${from} ${bytes[0]}`)).toEqual([
      "fe80::2 134",
      "fe80::2 133",
      "fe80::2 134",
    ]);
    expect(heard[0]?.bytes.subarray(2, 4)).not.toEqual(new Uint8Array(2));
    left.close();
    left.close();
  });

  it.each([
    ["RFC 4861 §6.1: with a hop limit that a router has lowered", { hopLimit: 254 }],
    ["RFC 4861 §6.1: with a wrong checksum", { checksum: 0x1234 }],
    ["of another type", { type: 136 }],
  ])("does not hear what comes %s", async (_what, forged) => {
    const { far, heard } = pair();
    forge(far, forged);
    // What comes after it on the same wire.
    forge(far, { mark: HONEST });
    while (!heard.some(({ bytes }) => bytes[4] === HONEST)) await nextTurn();
    expect(heard.map(({ bytes }) => bytes[4])).toEqual([HONEST]);
  });

  it("needs a link that is there", () => {
    const { handle } = testNetns();
    expect(() => openRouterSocket({ namespace: handle, link: "nowhere", onMessage: () => undefined })).toThrow(
      /ENODEV/,
    );
  });
});
