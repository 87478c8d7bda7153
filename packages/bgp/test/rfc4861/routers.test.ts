import { seededRandom, TestClock } from "@ocicat/kit";
import { type Ipv6, ipv6, parseAddress, parseMac } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import {
  decodeRouterMessage,
  encodeAdvertisement,
  encodeSolicitation,
  ROUTER_TIMING,
  RouterLink,
} from "../../src/index.ts";
import { hex } from "../support/bytes.ts";

const MAC = parseMac("02:00:5e:00:53:01");
const six = (text: string): Ipv6 => {
  const address = parseAddress(text);
  if (typeof address === "number") throw new Error(`${text} is not IPv6`);
  return address;
};
const [ONE, TWO, THREE] = [six("fe80::1"), six("fe80::2"), six("fe80::3")];
const NOBODY = ipv6(0n);
const ADVERTISEMENT = "86 00 0000 40 00 0708 00000000 00000000";
const SOLICITATION = "85 00 0000 00000000";
const LINK_ADDRESS = "01 01 02005e005301";

const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const isDiscarded = (source: Ipv6, text: string) => "discarded" in decodeRouterMessage(source, hex(text));

describe("RFC 4861 §4 what routers say", () => {
  it("§4.2 an advertisement of no default router, with this end's link-layer address (§4.6.1)", () => {
    expect(toHex(encodeAdvertisement(MAC))).toBe(
      "8600000000000000000000000000000001 01 02005e005301".replaceAll(" ", ""),
    );
    expect(decodeRouterMessage(ONE, encodeAdvertisement(MAC))).toEqual({ type: "advertisement", lifetimeS: 0 });
  });

  it("§4.1 a solicitation", () => {
    expect(toHex(encodeSolicitation(MAC))).toBe("85000000000000000101 02005e005301".replaceAll(" ", ""));
    expect(decodeRouterMessage(ONE, encodeSolicitation(undefined))).toEqual({ type: "solicitation" });
  });

  it("§4.2 how long somebody else is a default router", () => {
    expect(decodeRouterMessage(ONE, hex(ADVERTISEMENT))).toEqual({ type: "advertisement", lifetimeS: 1800 });
  });
});

describe("RFC 4861 §6.1.2 an advertisement is discarded", () => {
  it.each([
    ["from an address that is not link-local", six("2001:db8::1"), ADVERTISEMENT],
    ["from nobody", NOBODY, ADVERTISEMENT],
    ["with a code", ONE, "86 01 0000 40 00 0708 00000000 00000000"],
    ["shorter than 16 bytes", ONE, "86 00 0000 40 00 0708 00000000 000000"],
    ["with an option of length zero", ONE, `${ADVERTISEMENT} 0100 000000000000`],
    ["with an option that ends too late", ONE, `${ADVERTISEMENT} 0102 000000000000`],
    ["with half an option", ONE, `${ADVERTISEMENT} 01`],
  ])("%s", (_what, source, text) => {
    expect(isDiscarded(source, text)).toBe(true);
  });

  it("and is taken with options that are not known (§4.6)", () => {
    expect(isDiscarded(ONE, `${ADVERTISEMENT} 05010000000005dc ${LINK_ADDRESS} fd01000000000000`)).toBe(false);
  });
});

describe("RFC 4861 §6.1.1 a solicitation is discarded", () => {
  it.each([
    ["with a code", ONE, "85 01 0000 00000000"],
    ["shorter than 8 bytes", ONE, "85 00 0000 000000"],
    ["with an option of length zero", ONE, `${SOLICITATION} 0100 000000000000`],
    ["with a link-layer address, from nobody", NOBODY, `${SOLICITATION} ${LINK_ADDRESS}`],
  ])("%s", (_what, source, text) => {
    expect(isDiscarded(source, text)).toBe(true);
  });

  it("and is taken from nobody without one", () => {
    expect(isDiscarded(NOBODY, SOLICITATION)).toBe(false);
  });

  it("whatever comes, nothing is thrown", () => {
    const random = seededRandom(7);
    let read = 0;
    for (let round = 0; round < 5000; round++) {
      const bytes = Uint8Array.from({ length: random.uint32() % 40 }, () => random.uint32());
      if (round % 2 === 0) bytes[0] = 133 + (round % 4) / 2;
      if (round % 3 === 0) bytes[1] = 0;
      read += "discarded" in decodeRouterMessage(ONE, bytes) ? 0 : 1;
    }
    expect(read).toBeGreaterThan(10);
  });
});

/** An end of a link, with what it has said and when. */
function end(seed = 1) {
  const clock = new TestClock();
  const said: { readonly at: number; readonly what: string; readonly to: string }[] = [];
  const neighbours: Ipv6[] = [];
  const rivals: Ipv6[] = [];
  const link = new RouterLink({
    clock,
    random: seededRandom(seed),
    mac: MAC,
    send: (message, to) => {
      const what = message[0] === 134 ? "advertisement" : "solicitation";
      said.push({ at: clock.monotonic(), what, to: to.toString(16) });
    },
    onNeighbour: (neighbour) => neighbours.push(neighbour),
    onRival: (rival) => rivals.push(rival),
  });
  const toAll = ({ to }: { readonly to: string }) => to.startsWith("ff02");
  const times = (what: string) => said.flatMap((one) => (one.what === what && toAll(one) ? [one.at] : []));
  const gaps = (what: string) => times(what).flatMap((at, n, all) => (n === 0 ? [] : [at - (all[n - 1] ?? 0)]));
  return { clock, link, said, neighbours, rivals, times, gaps };
}

describe("RFC 4861 §6.2 a router", () => {
  it("§6.2.4 says so at once, to all nodes, and again at random times within its bounds", () => {
    const { clock, link, said, gaps } = end();
    link.start();
    clock.advance(600_000);
    expect(said.find(({ what }) => what === "advertisement")).toMatchObject({
      at: 0,
      to: "ff020000000000000000000000000001",
    });
    const all = gaps("advertisement");
    expect(all.length).toBeGreaterThan(60);
    expect(Math.min(...all)).toBeGreaterThanOrEqual(ROUTER_TIMING.leastMs);
    expect(Math.max(...all)).toBeLessThanOrEqual(ROUTER_TIMING.mostMs);
    expect(new Set(all.map(Math.round)).size).toBeGreaterThan(10);
  });

  it("§6.2.6 answers a solicitation within half a second, but never sooner than three after the last time", () => {
    const { clock, link, times } = end();
    link.start();
    clock.advance(100);
    link.heard(TWO, hex(SOLICITATION));
    clock.advance(3_600);
    const [, second = 0] = times("advertisement");
    expect(second).toBeGreaterThanOrEqual(3_000);
    expect(second).toBeLessThanOrEqual(3_500);
    const later = second + 3_100;
    clock.advance(later - clock.monotonic());
    expect(times("advertisement")).toHaveLength(2);
    link.heard(TWO, hex(SOLICITATION));
    clock.advance(501);
    expect(times("advertisement")).toHaveLength(3);
  });

  it("§6.2.6 a flood of solicitations gets one answer in three seconds", () => {
    const { clock, link, gaps } = end();
    link.start();
    for (let ms = 0; ms < 60_000; ms += 10) {
      link.heard(THREE, hex(SOLICITATION));
      clock.advance(10);
    }
    expect(Math.min(...gaps("advertisement"))).toBeGreaterThanOrEqual(3_000);
    expect(Math.max(...gaps("advertisement"))).toBeLessThanOrEqual(3_510);
  });

  it("§6.3.7 asks all routers, three times at most, until one answers", () => {
    const alone = end();
    alone.link.start();
    alone.clock.advance(600_000);
    expect(alone.times("solicitation")).toEqual([0, 4_000, 8_000]);
    expect(alone.said.find(({ what }) => what === "solicitation")?.to).toBe("ff020000000000000000000000000002");
    const met = end();
    met.link.start();
    met.clock.advance(1_000);
    met.link.heard(TWO, hex(ADVERTISEMENT));
    met.clock.advance(600_000);
    expect(met.times("solicitation")).toEqual([0]);
  });

  it("is silent once it has stopped", () => {
    const { clock, link, said } = end();
    link.start();
    link.stop();
    const before = said.length;
    clock.advance(60_000);
    expect(said.length).toBe(before);
    expect(clock.waiting()).toEqual([]);
  });
});

describe("the neighbour on a link", () => {
  it("is who advertises, told of once; who only asks is none", () => {
    const { clock, link, neighbours } = end();
    link.start();
    link.heard(THREE, hex(SOLICITATION));
    expect(link.neighbour).toBeUndefined();
    for (let n = 0; n < 3; n++) {
      link.heard(TWO, hex(ADVERTISEMENT));
      clock.advance(10_000);
    }
    expect(link.neighbour).toBe(TWO);
    expect(neighbours).toEqual([TWO]);
  });

  it("is told of this end at once, it alone", () => {
    const { clock, link, said } = end();
    link.start();
    clock.advance(100);
    link.heard(TWO, hex(ADVERTISEMENT));
    link.heard(TWO, hex(ADVERTISEMENT));
    const alone = said.filter(({ to }) => to === TWO.toString(16));
    expect(alone).toEqual([{ at: 100, what: "advertisement", to: TWO.toString(16) }]);
  });

  it("stays as long as it is heard, and makes room for another one when it is silent", () => {
    const { clock, link, neighbours, rivals } = end();
    link.start();
    link.heard(TWO, hex(ADVERTISEMENT));
    clock.advance(ROUTER_TIMING.silentMs - 1);
    link.heard(THREE, hex(ADVERTISEMENT));
    link.heard(THREE, hex(ADVERTISEMENT));
    expect([link.neighbour, rivals]).toEqual([TWO, [THREE]]);
    clock.advance(1);
    link.heard(THREE, hex(ADVERTISEMENT));
    expect(neighbours).toEqual([TWO, THREE]);
  });

  it("is nobody who was discarded", () => {
    const { link } = end();
    link.start();
    link.heard(six("2001:db8::2"), hex(ADVERTISEMENT));
    link.heard(TWO, hex("86 01 0000 40 00 0708 00000000 00000000"));
    expect(link.neighbour).toBeUndefined();
  });
});
