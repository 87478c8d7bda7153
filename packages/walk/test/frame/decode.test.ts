import { type Address, formatMac, ipv4, ipv6, parseAddress, parseMac } from "@ocicat/net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeFrame, describeFrame } from "../../src/index.ts";
import * as wire from "../support/encode.ts";

const macs = fc.uint8Array({ minLength: 6, maxLength: 6 }).map(formatMac);
const ports = fc.integer({ min: 0, max: 65535 });
const words = fc.integer({ min: 0, max: 0xffff_ffff });
const data = fc.uint8Array({ minLength: 1, maxLength: 40 });
const pair4 = fc.tuple(words.map(ipv4), words.map(ipv4));
const pair6 = fc.tuple(...[1, 2].map(() => fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map(ipv6)));
const pairs: fc.Arbitrary<readonly [Address, Address]> = fc
  .oneof(pair4, pair6)
  .map(([source, destination]) => [source ?? ipv4(0), destination ?? ipv4(0)] as const);

describe("any bytes", () => {
  it("come to layers and never throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom("ethernet", "ip"), (bytes, linkType) => {
        const layers = decodeFrame(bytes, linkType);
        expect(typeof describeFrame(layers)).toBe("string");
      }),
      { numRuns: 3000 },
    );
  });

  it("that begin as a frame and go wrong somewhere never throw either", () => {
    const whole = vxlanFrame();
    const change = fc.record({ at: fc.nat(whole.length - 1), to: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 6 }), fc.nat(whole.length), (changes, kept) => {
        const bytes = whole.slice(0, kept);
        for (const { at, to } of changes) if (at < bytes.length) bytes[at] = to;
        describeFrame(decodeFrame(bytes, "ethernet"));
      }),
      { numRuns: 3000 },
    );
  });
});

describe("round trips", () => {
  it("of datagrams", () => {
    fc.assert(
      fc.property(
        macs,
        macs,
        pairs,
        ports,
        ports.filter((port) => port !== 4789),
        data,
        (from, to, [source, destination], a, b, bytes) => {
          const family = typeof source === "number" ? 4 : 6;
          const packet = wire.ip({ source, destination, protocol: 17, ttl: 63 }, wire.udp(a, b, bytes));
          const etherType = family === 4 ? 0x0800 : 0x86dd;
          const layers = decodeFrame(wire.ethernet({ source: from, destination: to, etherType }, packet), "ethernet");
          expect(layers).toEqual([
            { layer: "ethernet", source: from, destination: to, etherType },
            family === 4
              ? expect.objectContaining({
                  layer: "ipv4",
                  source,
                  destination,
                  ttl: 63,
                  protocol: 17,
                  length: packet.length,
                })
              : expect.objectContaining({ layer: "ipv6", source, destination, hopLimit: 63, protocol: 17 }),
            { layer: "udp", sourcePort: a, destinationPort: b, length: 8 + bytes.length },
            { layer: "payload", bytes },
          ]);
          expect(decodeFrame(packet, "ip")).toEqual(layers.slice(1));
        },
      ),
    );
  });

  it("of ARP, padded to Ethernet's least length", () => {
    fc.assert(
      fc.property(macs, macs, pair4, fc.constantFrom(1, 2), (senderMac, targetMac, [sender, target], operation) => {
        const packet = wire.arp({ operation, senderMac, sender, targetMac, target });
        const padded = new Uint8Array([...packet, ...new Uint8Array(18)]);
        const frame = wire.ethernet({ source: senderMac, destination: targetMac, etherType: 0x0806 }, padded);
        expect(decodeFrame(frame, "ethernet")[1]).toEqual({
          layer: "arp",
          operation,
          senderMac,
          sender,
          targetMac,
          target,
        });
        expect(decodeFrame(frame, "ethernet")).toHaveLength(2);
      }),
    );
  });

  it("of TCP and its flags", () => {
    fc.assert(
      fc.property(pairs, ports, ports, words, words, fc.nat(63), (ends, a, b, sequence, acknowledgement, bits) => {
        const header = { sourcePort: a, destinationPort: b, sequence, acknowledgement, bits };
        const packet = wire.ip(
          { source: ends[0], destination: ends[1], protocol: 6 },
          wire.tcp(header, new Uint8Array()),
        );
        const flags = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"].filter((_, index) => bits & (1 << index));
        expect(decodeFrame(packet, "ip")[1]).toEqual({
          layer: "tcp",
          sourcePort: a,
          destinationPort: b,
          sequence,
          acknowledgement,
          flags,
        });
      }),
    );
  });

  it("of VXLAN: both Ethernet headers and the VNI", () => {
    fc.assert(
      fc.property(macs, macs, fc.nat(0xff_ffff), pairs, (from, to, vni, [source, destination]) => {
        const etherType = typeof source === "number" ? 0x0800 : 0x86dd;
        const inner = wire.ethernet(
          { source: from, destination: to, etherType },
          wire.ip({ source, destination, protocol: 17 }, wire.udp(1, 2, Uint8Array.of(9))),
        );
        const layers = decodeFrame(outerVxlan(vni, inner), "ethernet");
        expect(layers.map(({ layer }) => layer).slice(0, 4)).toEqual(["ethernet", "ipv4", "udp", "vxlan"]);
        expect(layers[3]).toEqual({ layer: "vxlan", vni });
        expect(layers.slice(4)).toEqual(decodeFrame(inner, "ethernet"));
      }),
    );
  });
});

const A = parseAddress("192.168.0.81");
const B = parseAddress("192.168.0.82");
const POD_A = parseAddress("10.244.42.65");
const POD_B = parseAddress("10.244.103.65");
const MAC_A = parseMac("00:0c:29:d8:6c:fb");
const MAC_B = parseMac("00:0c:29:9f:1b:88");
const ECHO = wire.ip(
  { source: POD_A, destination: POD_B, protocol: 1, ttl: 63, dontFragment: true },
  wire.icmp(8, 0, 0x1f2e_0001, new Uint8Array(56)),
);

function outerVxlan(vni: number, inner: Uint8Array): Uint8Array {
  const packet = wire.ip({ source: A, destination: B, protocol: 17 }, wire.udp(44123, 4789, wire.vxlan(vni, inner)));
  return wire.ethernet({ source: MAC_A, destination: MAC_B, etherType: 0x0800 }, packet);
}

function vxlanFrame(): Uint8Array {
  const [source, destination] = [parseMac("66:aa:99:2f:dc:24"), parseMac("66:bb:00:00:00:01")];
  return outerVxlan(4096, wire.ethernet({ source, destination, etherType: 0x0800 }, ECHO));
}

describe("one line", () => {
  it("for an echo request between pods", () => {
    const frame = wire.ethernet({ source: MAC_A, destination: MAC_B, etherType: 0x0800 }, ECHO);
    expect(describeFrame(decodeFrame(frame, "ethernet"))).toBe(
      "00:0c:29:d8:6c:fb > 00:0c:29:9f:1b:88, 10.244.42.65 > 10.244.103.65 ttl 63: ICMP echo request id 7982 seq 1, 56 bytes",
    );
  });

  it("for IPIP: two IP headers, and no Ethernet header between them", () => {
    const packet = wire.ip({ source: A, destination: B, protocol: 4 }, ECHO);
    const frame = wire.ethernet({ source: MAC_A, destination: MAC_B, etherType: 0x0800 }, packet);
    expect(describeFrame(decodeFrame(frame, "ethernet"))).toBe(
      "00:0c:29:d8:6c:fb > 00:0c:29:9f:1b:88, 192.168.0.81 > 192.168.0.82 ttl 64, IPIP | 10.244.42.65 > 10.244.103.65 ttl 63: ICMP echo request id 7982 seq 1, 56 bytes",
    );
    expect(describeFrame(decodeFrame(ECHO, "ip"))).toBe(
      "10.244.42.65 > 10.244.103.65 ttl 63: ICMP echo request id 7982 seq 1, 56 bytes",
    );
  });

  it("for VXLAN: both layers", () => {
    expect(describeFrame(decodeFrame(vxlanFrame(), "ethernet"))).toBe(
      "00:0c:29:d8:6c:fb > 00:0c:29:9f:1b:88, 192.168.0.81 > 192.168.0.82 ttl 64: UDP 44123 > 4789, VXLAN vni 4096 | " +
        "66:aa:99:2f:dc:24 > 66:bb:00:00:00:01, 10.244.42.65 > 10.244.103.65 ttl 63: ICMP echo request id 7982 seq 1, 56 bytes",
    );
  });

  it("for ICMP errors: what they say, of which packet, and what would fit", () => {
    const tooBig = wire.ip({ source: A, destination: POD_A, protocol: 1 }, wire.icmp(3, 4, 1450, ECHO));
    expect(describeFrame(decodeFrame(tooBig, "ip"))).toBe(
      "192.168.0.81 > 10.244.42.65 ttl 64: ICMP fragmentation needed, mtu 1450 [10.244.42.65 > 10.244.103.65 ICMP]",
    );
    // No more than eight bytes behind the header, as the oldest kernels quote.
    const syn = { sourcePort: 40000, destinationPort: 80, sequence: 5, acknowledgement: 0, bits: 2 };
    const segment = wire.ip({ source: POD_A, destination: POD_B, protocol: 6 }, wire.tcp(syn, new Uint8Array()));
    const refused = wire.ip({ source: B, destination: POD_A, protocol: 1 }, wire.icmp(3, 1, 0, segment.slice(0, 28)));
    expect(describeFrame(decodeFrame(refused, "ip"))).toBe(
      "192.168.0.82 > 10.244.42.65 ttl 64: ICMP host unreachable [10.244.42.65 > 10.244.103.65 TCP 40000 > 80]",
    );
  });

  it("for IPv6's neighbours and errors", () => {
    const [source, destination] = [parseAddress("fd00::1"), parseAddress("ff02::1:ff00:2")];
    const target = parseAddress("fd00::2");
    const solicitation = new Uint8Array([
      ...wire.icmp(135, 0, 0, bytesOf(target)),
      1,
      1,
      0xee,
      0xee,
      0xee,
      0xee,
      0xee,
      0xee,
    ]);
    const asks = wire.ip({ source, destination, protocol: 58, ttl: 255 }, solicitation);
    expect(decodeFrame(asks, "ip")[1]).toMatchObject({ target, mac: "ee:ee:ee:ee:ee:ee" });
    expect(describeFrame(decodeFrame(asks, "ip"))).toBe("fd00::1 > ff02::1:ff00:2 hlim 255: ND who has fd00::2?");
    const quoted = wire.ip(
      { source, destination: target, protocol: 58 },
      wire.icmp(128, 0, 0x0007_0001, new Uint8Array(4)),
    );
    const tooBig = wire.ip({ source: target, destination: source, protocol: 58 }, wire.icmp(2, 0, 1430, quoted));
    expect(describeFrame(decodeFrame(tooBig, "ip"))).toBe(
      "fd00::2 > fd00::1 hlim 64: ICMP6 packet too big, mtu 1430 [fd00::1 > fd00::2 ICMP6]",
    );
  });

  it("for what is cut short: as far as it goes", () => {
    const frame = vxlanFrame().slice(0, 60);
    expect(describeFrame(decodeFrame(frame, "ethernet"))).toMatch(/VXLAN vni 4096 \| \[cut within ethernet\]$/);
  });
});

function bytesOf(address: Address): Uint8Array {
  const hex = (typeof address === "bigint" ? address : BigInt(address)).toString(16).padStart(32, "0");
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
