import { parseQuantity, readQosAnnotations } from "@ocicat/api";
import { describe, expect, it } from "vitest";

describe("a quantity of Kubernetes", () => {
  it.each([
    ["0", 0],
    ["10", 10],
    ["10k", 10_000],
    ["10M", 10_000_000],
    ["1.5G", 1_500_000_000],
    ["0.1k", 100],
    ["64Ki", 65_536],
    ["1.5Mi", 1_572_864],
    ["4Gi", 4_294_967_296],
    ["1P", 1e15],
    ["1e3", 1000],
    ["12E2", 1200],
    ["1.1k", 1100],
    // Rounded up.
    ["1500m", 2],
    ["1.5", 2],
    ["1n", 1],
    [".5k", 500],
    ["5.", 5],
    ["-1k", -1000],
    ["", undefined],
    ["10K", undefined],
    ["10 M", undefined],
    ["M", undefined],
    ["1e", undefined],
    ["0x10", undefined],
    ["ten", undefined],
  ])("%s", (text, expected) => expect(parseQuantity(text)).toBe(expected));
});

describe("limits in a pod's annotations", () => {
  const read = (annotations: Readonly<Record<string, string>>) => {
    const named = Object.entries(annotations).map(([name, text]) => [`qos.projectcalico.org/${name}`, text]);
    const { controls, problems } = readQosAnnotations(Object.fromEntries(named));
    return [controls, problems.map(({ annotation }) => annotation.split("/")[1])];
  };
  const Gi4 = 4_294_967_296;

  it.each([
    ["none", {}, undefined, []],
    [
      "a rate, with the burst it has unless told",
      { ingressBandwidth: "1M" },
      { ingressBandwidth: 1e6, ingressBurst: Gi4 },
      [],
    ],
    [
      "the nearest that can be",
      { ingressBandwidth: "1", egressBandwidth: "2P", egressBurst: "1T" },
      { ingressBandwidth: 1000, ingressBurst: Gi4, egressBandwidth: 1e15, egressBurst: 34_359_738_360 },
      ["ingressBandwidth", "egressBandwidth", "egressBurst"],
    ],
    [
      "no burst without a rate",
      { ingressBurst: "1M", egressPacketBurst: "2" },
      undefined,
      ["ingressBurst", "egressPacketBurst"],
    ],
    [
      "no peak that is not above the rate, nor a burst of it",
      { ingressBandwidth: "2M", ingressBurst: "1M", ingressPeakrate: "2M", ingressMinburst: "2k" },
      { ingressBandwidth: 2e6, ingressBurst: 1e6 },
      ["ingressPeakrate", "ingressMinburst"],
    ],
    ["packets", { egressPacketRate: "100" }, { egressPacketRate: 100, egressPacketBurst: 5 }, []],
    [
      "what can be read of it",
      { ingressMaxConnections: "many", egressMaxConnections: "7" },
      { egressMaxConnections: 7 },
      ["ingressMaxConnections"],
    ],
    ["a mark by number", { dscp: "46" }, { dscp: 46 }, []],
    ["no mark that there is none of", { dscp: "EG" }, undefined, ["dscp"]],
  ])("%s", (_, annotations, controls, problems) => expect(read(annotations)).toEqual([controls, problems]));

  it("are Kubernetes' own where there are none of Calico's", () => {
    const annotations = {
      "kubernetes.io/ingress-bandwidth": "1M",
      "kubernetes.io/egress-bandwidth": "2M",
      "qos.projectcalico.org/egressBandwidth": "3M",
    };
    expect(readQosAnnotations(annotations).controls).toMatchObject({ ingressBandwidth: 1e6, egressBandwidth: 3e6 });
  });
});
