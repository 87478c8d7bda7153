import { describe, expect, it } from "vitest";
import { readQosControls } from "../../src/index.ts";

const NOTHING = { bandwidth: undefined, packets: undefined, connections: undefined };

describe("qosControls", () => {
  it("that say nothing limit nothing", () => {
    expect(readQosControls(undefined)).toBeUndefined();
    expect(readQosControls({})).toBeUndefined();
    expect(readQosControls({ ingressBandwidth: 0, egressPacketRate: 0, ingressBurst: 4_000 })).toBeUndefined();
  });

  it("are in bits, but for the minimal burst; without a burst it is 4 Gibit, or 5 packets", () => {
    const controls = readQosControls({
      ingressBandwidth: 8_000_000,
      ingressBurst: 80_000,
      ingressPeakrate: 16_000_000,
      ingressMinburst: 2_000,
      egressBandwidth: 800,
      egressPacketRate: 100,
      ingressPacketRate: 50,
      ingressPacketBurst: 7,
      egressMaxConnections: 3,
    });
    expect(controls).toEqual({
      ingress: {
        bandwidth: { rate: 1_000_000, burst: 10_000, peak: { rate: 2_000_000, burst: 2_000 } },
        packets: { rate: 50, burst: 7 },
        connections: undefined,
      },
      egress: {
        bandwidth: { rate: 100, burst: 536_870_912, peak: undefined },
        packets: { rate: 100, burst: 5 },
        connections: 3,
      },
      dscp: undefined,
    });
  });

  it("with a peak that is not above the rate have none", () => {
    const controls = readQosControls({ egressBandwidth: 8_000, egressPeakrate: 8_000, egressMinburst: 1 });
    expect(controls?.egress.bandwidth?.peak).toBeUndefined();
  });

  it.each([
    ["DF", 0],
    ["LE", 1],
    ["CS1", 8],
    ["CS7", 56],
    ["AF11", 10],
    ["AF23", 22],
    ["AF41", 34],
    ["EF", 46],
    [63, 63],
    [0, 0],
  ])("name the mark %s by its number", (dscp, number) => {
    expect(readQosControls({ dscp })).toEqual({ ingress: NOTHING, egress: NOTHING, dscp: number });
  });
});
