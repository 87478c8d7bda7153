import { internetChecksum, parseAddress } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { answerToFirst, echoRequest, firstSegment, isEchoReply } from "../../src/doctor/probe-packets.ts";

describe("an echo request", () => {
  it("has its type, checksum, identifier, sequence and so many zeros", () => {
    const bytes = echoRequest(4, 0x1234, 2, 10);
    expect([bytes.length, bytes[0], bytes[1]]).toEqual([18, 8, 0]);
    expect(internetChecksum(bytes)).toBe(0);
    // IPv6's checksum covers the addresses: the kernel fills it in.
    expect([...echoRequest(6, 0x1234, 2, 0)]).toEqual([128, 0, 0, 0, 0x12, 0x34, 0, 2]);
  });

  it("is answered by a reply with its identifier, and by nothing else", () => {
    const reply = Uint8Array.of(0, 0, 0, 0, 0x12, 0x34, 0, 1);
    expect(isEchoReply(4, reply, 0x1234)).toBe(true);
    expect(isEchoReply(4, reply, 0x1235)).toBe(false);
    expect(isEchoReply(4, echoRequest(4, 0x1234, 1, 0), 0x1234)).toBe(false);
    expect(isEchoReply(6, reply, 0x1234)).toBe(false);
    expect(isEchoReply(4, reply.subarray(0, 7), 0x1234)).toBe(false);
  });
});

describe("a first segment", () => {
  it.each([
    ["192.0.2.1", "192.0.2.2"],
    ["2001:db8::1", "2001:db8::2"],
  ] as const)("from %s has a checksum over the pseudo header, too", (from, to) => {
    const [source, peer] = [parseAddress(from), parseAddress(to)];
    const bytes = firstSegment(source, peer, 20_001, 179, 0xfffffff0);
    expect([bytes.length, bytes[13]]).toEqual([20, 2]);
    const sum = (text: string) => {
      const address = parseAddress(text);
      return typeof address === "number"
        ? [address >>> 16, address & 0xffff]
        : Array.from({ length: 8 }, (_, index) => Number((address >> BigInt(112 - 16 * index)) & 0xffffn));
    };
    // Protocol and length, wherever they stand, are in the sum once each.
    const words = [...sum(from), ...sum(to), 6, 20];
    const pseudo = Uint8Array.from(words.flatMap((word) => [word >> 8, word & 0xff]));
    expect(internetChecksum(Uint8Array.from([...pseudo, ...bytes]))).toBe(0);
  });

  const answer = (flags: number, acknowledged: number, ports: readonly [number, number] = [179, 20_001]) => {
    const view = new DataView(new ArrayBuffer(20));
    view.setUint16(0, ports[0]);
    view.setUint16(2, ports[1]);
    view.setUint32(8, acknowledged);
    view.setUint8(13, flags);
    return new Uint8Array(view.buffer);
  };
  it.each([
    ["SYN and ACK: open", answer(0x12, 8), "open"],
    ["RST and ACK: nobody listens", answer(0x14, 8), "reset"],
    ["another connection's", answer(0x12, 8, [179, 20_002]), undefined],
    ["another port's", answer(0x12, 8, [80, 20_001]), undefined],
    ["an answer to another segment", answer(0x12, 9), undefined],
    ["data", answer(0x10, 8), undefined],
    ["a first segment of theirs", answer(0x02, 8), undefined],
    ["half of one", answer(0x12, 8).subarray(0, 19), undefined],
  ])("takes for an answer: %s", (_what, bytes, said) => {
    expect(answerToFirst(bytes, 20_001, 179, 7)).toBe(said);
  });

  it("counts past the end of the sequence numbers", () => {
    expect(answerToFirst(answer(0x12, 0), 20_001, 179, 0xffff_ffff)).toBe("open");
  });
});
