import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type BfdConfig,
  type BfdSession,
  type BfdState,
  bfdStep,
  type ControlPacket,
  decodePacket,
  detectionTime,
  encodePacket,
  jittered,
  newBfdSession,
  packetOf,
  STATES,
  transmitInterval,
} from "../src/index.ts";

const CONFIG: BfdConfig = { desiredMinTxUs: 100_000, requiredMinRxUs: 100_000, detectMultiplier: 3 };

function packet(state: BfdState, extra: Partial<ControlPacket> = {}): ControlPacket {
  return {
    diagnostic: "no diagnostic",
    state,
    poll: false,
    final: false,
    controlPlaneIndependent: false,
    demand: false,
    detectMultiplier: 3,
    myDiscriminator: 7,
    yourDiscriminator: state === "Down" || state === "AdminDown" ? 0 : 1,
    desiredMinTxUs: 1_000_000,
    requiredMinRxUs: 100_000,
    requiredMinEchoRxUs: 0,
    ...extra,
  };
}

const hear = (session: BfdSession, ...packets: ControlPacket[]) =>
  packets.reduce((at, one) => bfdStep(at, { type: "received", packet: one }).session, session);

const fresh = () => newBfdSession(1, CONFIG);
const up = () => hear(fresh(), packet("Down"), packet("Init"));
/** Up, and the faster rates agreed on. */
const running = () => hear(up(), packet("Up", { desiredMinTxUs: 100_000, final: true }));

describe("RFC 5880 §4.1: a control packet", () => {
  it("is these bytes", () => {
    const bytes = encodePacket({ ...packet("Up", { poll: true, yourDiscriminator: 9 }), diagnostic: "path down" });
    expect(Buffer.from(bytes).toString("hex")).toBe(
      "25e00318" + "00000007" + "00000009" + "000f4240" + "000186a0" + "00000000",
    );
  });

  it("is read as it was written", () => {
    const number = fc.integer({ min: 1, max: 0xffff_ffff });
    const any = fc.record({
      diagnostic: fc.constantFrom("no diagnostic" as const, "administratively down" as const),
      state: fc.constantFrom(...STATES),
      poll: fc.boolean(),
      final: fc.boolean(),
      controlPlaneIndependent: fc.boolean(),
      demand: fc.boolean(),
      detectMultiplier: fc.integer({ min: 1, max: 255 }),
      myDiscriminator: number,
      yourDiscriminator: number,
      desiredMinTxUs: number,
      requiredMinRxUs: number,
      requiredMinEchoRxUs: number,
    });
    fc.assert(
      fc.property(any, (one) => {
        expect(decodePacket(encodePacket(one))).toEqual(one);
      }),
    );
  });

  it.each([
    ["§6.8.6 another version", "45c00318" + "0000000700000009000f4240000186a000000000", "version 2"],
    [
      "§6.8.6 too short a length",
      "25c00310" + "0000000700000009000f4240000186a000000000",
      "a length of 16 in 24 bytes",
    ],
    [
      "§6.8.6 a length beyond the packet",
      "25c003ff" + "0000000700000009000f4240000186a000000000",
      "a length of 255 in 24 bytes",
    ],
    [
      "§6.8.6 a multiplier of zero",
      "25c00018" + "0000000700000009000f4240000186a000000000",
      "a detection multiplier of zero",
    ],
    ["§6.8.6 the multipoint flag", "25c10318" + "0000000700000009000f4240000186a000000000", "the multipoint flag"],
    [
      "§6.8.6 a discriminator of zero",
      "25c00318" + "0000000000000009000f4240000186a000000000",
      "a discriminator of zero",
    ],
    [
      "§6.8.6 up without ours",
      "25c00318" + "0000000700000000000f4240000186a000000000",
      "the state Up without this side's discriminator",
    ],
    [
      "§6.8.6 authentication that was not asked for",
      "25c40318" + "0000000700000009000f4240000186a000000000",
      "authentication, which is not configured",
    ],
    ["too few bytes", "25c003", "3 bytes"],
  ])("%s is discarded", (_what, hex, why) => {
    expect(decodePacket(Buffer.from(hex, "hex"))).toEqual({ discarded: why });
  });

  it("of any bytes ends in a packet or a reason", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => void decodePacket(bytes)));
  });
});

describe("RFC 5880 §6.2: the state machine", () => {
  it("comes up by three packets", () => {
    const init = hear(fresh(), packet("Down"));
    expect([init.state, hear(init, packet("Init")).state, hear(init, packet("Up")).state]).toEqual([
      "Init",
      "Up",
      "Up",
    ]);
  });

  it.each([
    ["Down", "Up", "Down"],
    ["Down", "AdminDown", "Down"],
    ["Init", "Down", "Init"],
    ["Init", "AdminDown", "Down"],
    ["Up", "Init", "Up"],
    ["Up", "Up", "Up"],
    ["Up", "Down", "Down"],
    ["Up", "AdminDown", "Down"],
  ] as const)("%s, told %s: %s", (own, told, then) => {
    const at = { Down: fresh(), Init: hear(fresh(), packet("Down")), Up: up() }[own];
    expect(at.state).toBe(own);
    expect(hear(at, packet(told)).state).toBe(then);
  });

  it("says why it went down: the other side said so, or nothing came", () => {
    expect(hear(up(), packet("Down")).diagnostic).toBe("neighbor signaled session down");
    const { session } = bfdStep(up(), { type: "detection-expired" });
    expect([session.state, session.diagnostic]).toEqual(["Down", "control detection time expired"]);
    // §6.8.1: and forgets whom it spoke with.
    expect(session.remoteDiscriminator).toBe(0);
  });

  it("two of them come up whatever is lost, and go down together", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.boolean()), { maxLength: 40 }), (heard) => {
        let [a, b] = [newBfdSession(1, CONFIG), newBfdSession(2, CONFIG)];
        const exchange = (toB: boolean, toA: boolean) => {
          const [fromA, fromB] = [packetOf(a), packetOf(b)];
          if (toB) b = hear(b, fromA);
          if (toA) a = hear(a, fromB);
        };
        for (const [toB, toA] of heard) exchange(toB, toA);
        for (let round = 0; round < 4; round++) exchange(true, true);
        expect([a.state, b.state]).toEqual(["Up", "Up"]);
        a = bfdStep(a, { type: "detection-expired" }).session;
        exchange(true, false);
        expect([a.state, b.state]).toEqual(["Down", "Down"]);
      }),
    );
  });
});

describe("RFC 5880 §6.8.3, §6.5: timers", () => {
  it("are slow until the session is up, whatever was asked for", () => {
    expect(packetOf(fresh()).desiredMinTxUs).toBe(1_000_000);
    expect(transmitInterval(fresh())).toBe(1_000_000);
  });

  it("change by a poll that is answered", () => {
    const polled = packetOf(up());
    expect(polled).toMatchObject({ poll: true, desiredMinTxUs: 100_000, requiredMinRxUs: 100_000 });
    expect(packetOf(running()).poll).toBe(false);
    expect(transmitInterval(running())).toBe(100_000);
  });

  it("that get longer hold only once the other side knows", () => {
    const slower = { ...CONFIG, desiredMinTxUs: 500_000, requiredMinRxUs: 500_000 };
    const asked = bfdStep(running(), { type: "configured", config: slower }).session;
    expect(packetOf(asked)).toMatchObject({ poll: true, desiredMinTxUs: 500_000, requiredMinRxUs: 500_000 });
    expect(transmitInterval(asked)).toBe(100_000);
    const agreed = hear(asked, packet("Up", { final: true, desiredMinTxUs: 100_000 }));
    expect(transmitInterval(agreed)).toBe(500_000);
    expect(detectionTime(agreed)).toBe(3 * 500_000);
  });

  it("answer a poll at once, with final and without poll", () => {
    const { reply } = bfdStep(up(), { type: "received", packet: packet("Up", { poll: true }) });
    expect(reply).toMatchObject({ final: true, poll: false, yourDiscriminator: 7 });
    expect(bfdStep(up(), { type: "received", packet: packet("Up") }).reply).toBeUndefined();
  });

  it("§6.8.4: the detection time is the other side's multiplier times the slower of what both say", () => {
    expect(detectionTime(fresh())).toBeUndefined();
    const heard = hear(up(), packet("Up", { detectMultiplier: 5, desiredMinTxUs: 50_000 }));
    expect(detectionTime(heard)).toBe(5 * 100_000);
    expect(detectionTime(hear(heard, packet("Up", { detectMultiplier: 2, desiredMinTxUs: 300_000 })))).toBe(600_000);
  });

  it("§6.8.7: packets are sent no faster than the other side takes them, and none if it wants none", () => {
    expect(transmitInterval(hear(running(), packet("Up", { requiredMinRxUs: 250_000 })))).toBe(250_000);
    expect(transmitInterval(hear(running(), packet("Up", { requiredMinRxUs: 0 })))).toBeUndefined();
    expect(transmitInterval(hear(running(), packet("Up", { demand: true })))).toBeUndefined();
  });

  it("§6.8.7: are jittered by a quarter at most, and with a multiplier of one by a tenth at least", () => {
    expect([jittered(100, 3, 0), jittered(100, 3, 1)]).toEqual([75, 100]);
    expect([jittered(100, 1, 0), jittered(100, 1, 1)]).toEqual([75, 90]);
  });
});
