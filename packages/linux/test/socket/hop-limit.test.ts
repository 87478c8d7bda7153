import { closeSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { parseAddress } from "@ocicat/net";
import { expect, it } from "vitest";
import { requireHopLimit, setTtls } from "../../src/index.ts";
import { check } from "../../src/libc/library.ts";
import { socketAddress } from "../../src/libc/socket-address.ts";
import {
  bind,
  getsockname,
  MSG_DONTWAIT,
  recv,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  sendto,
  socket,
} from "../../src/libc/socket-calls.ts";
import { cleanup } from "../helpers.ts";

const DOMAIN = { 4: 2, 6: 10 } as const;

function udp(family: 4 | 6): number {
  const fd = check("socket", socket(DOMAIN[family], SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  cleanup(() => closeSync(fd));
  return fd;
}

it.each([
  [4, "127.0.0.1"],
  [6, "::1"],
] as const)("RFC 5881 §5: a datagram of IPv%i with less than 255 is not heard", async (family, loopback) => {
  const [receiver, sender] = [udp(family), udp(family)];
  requireHopLimit(receiver, family, 255);
  const own = socketAddress(family, parseAddress(loopback), 0);
  check("bind", bind(receiver, own, own.length));
  check("getsockname", getsockname(receiver, own, new Uint8Array(Int32Array.of(own.length).buffer)));
  const say = (text: string, ttl: number) => {
    setTtls(sender, family, { ttl });
    const bytes = new TextEncoder().encode(text);
    check("sendto", sendto(sender, bytes, bytes.length, 0, own, own.length));
  };
  say("from afar", 254);
  say("from here", 255);
  const buffer = new Uint8Array(100);
  let length = -1;
  while (length < 0) {
    await nextTurn();
    length = recv(receiver, buffer, buffer.length, MSG_DONTWAIT);
  }
  expect(new TextDecoder().decode(buffer.subarray(0, length))).toBe("from here");
  expect(recv(receiver, buffer, buffer.length, MSG_DONTWAIT)).toBe(-1);
});
