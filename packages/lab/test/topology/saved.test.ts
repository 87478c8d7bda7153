import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readTopology, saveTopology, topologyText, withNode, withoutNode } from "../../src/topology/saved.ts";
import { parseTopology } from "../../src/topology/topology.ts";
import { temporaryPlaces } from "../support/temporary.ts";

const FIRST_LIGHT = parseTopology(
  readFileSync(new URL("../../topologies/first-light.yaml", import.meta.url), "utf8"),
  "first-light.yaml",
);
const NODE3 = { name: "node3", segment: "lan", address: "192.168.0.83/24", gateway: "192.168.0.1" };

describe("a topology that is kept", () => {
  it("reads back as it was, ports, limits and labels of pods too", () => {
    const places = temporaryPlaces();
    const [first, ...rest] = FIRST_LIGHT.pods;
    const ports = [{ hostPort: 53, containerPort: 5353, protocol: "udp" as const }];
    const pods =
      first === undefined
        ? []
        : [{ ...first, ports, bandwidth: { ingress: undefined, egress: 8_000 }, labels: { app: "web" } }, ...rest];
    const topology = { ...FIRST_LIGHT, pods };
    saveTopology(places, topology);
    expect(readTopology(places)).toEqual(topology);
  });

  it("says that no lab runs where there is none", () => {
    expect(() => readTopology(temporaryPlaces("mine"))).toThrow(
      /no lab "mine" runs on this machine; start one: ocicat lab up/,
    );
  });

  it("has one text whatever its way to it", () => {
    const places = temporaryPlaces();
    saveTopology(places, FIRST_LIGHT);
    expect(topologyText(readTopology(places))).toBe(topologyText(FIRST_LIGHT));
  });
});

describe("a node more", () => {
  it("is held against the rules of a topology", () => {
    expect(withNode(FIRST_LIGHT, NODE3).nodes.map((node) => node.name)).toEqual(["master", "node1", "node2", "node3"]);
    expect(() => withNode(FIRST_LIGHT, { ...NODE3, name: "node1" })).toThrow(/"node1" is used twice/);
    expect(() => withNode(FIRST_LIGHT, { ...NODE3, address: "192.168.0.81/24" })).toThrow(
      /192\.168\.0\.81 is also node1's/,
    );
    expect(() => withNode(FIRST_LIGHT, { ...NODE3, address: "192.168.0.83" })).toThrow(/is not address\/length/);
    expect(() => withNode(FIRST_LIGHT, { ...NODE3, segment: "wan" })).toThrow(/"wan" is not among lan, outside/);
  });
});

describe("a node less", () => {
  it("takes its pods out too, so that what is left is a topology", () => {
    const places = temporaryPlaces();
    saveTopology(places, withoutNode(FIRST_LIGHT, "node1"));
    const left = readTopology(places);
    expect(left.nodes.map((node) => node.name)).toEqual(["master", "node2"]);
    expect(left.pods.map((pod) => pod.name)).toEqual(["pod0", "pod2"]);
  });
});
