import { origin } from "@ocicat/kit";
import { Prefix, parseMac, parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import {
  type LinkSettings,
  type PlaceState,
  type Reason,
  type Story,
  tellStory,
  type WalkRecord,
} from "../../src/index.ts";
import { endingAfter, mapPlaces, recorded, withState } from "../support/golden.ts";

const NODE1 = "node1.whale.com";
const NODE2 = "node2.whale.com";
const [POD1, POD2] = ["cni-test-777bbd57c8-ggfsp", "cni-test-777bbd57c8-gxv5q"];
const bgp = recorded("bgp");

/** As if the request had last been seen in a place, on an interface of such a name, that way. */
function lostAt(record: WalkRecord, place: string, link: RegExp, direction: "in" | "out"): WalkRecord {
  const frames = record.places.reduce((sum, one) => sum + one.frames.length, 0);
  for (let count = 0; count <= frames; count++) {
    const cut = endingAfter(record, count);
    const { loss } = tellStory(cut);
    if (loss?.of !== "request" || loss.last?.place !== place) continue;
    if (link.test(loss.last.interface) && loss.last.direction === direction) return cut;
  }
  throw new Error(`the packet was never last seen at ${place}`);
}

const reasons = (story: Story): readonly Reason["reason"][] => (story.loss?.reasons ?? []).map(({ reason }) => reason);
const told = (record: WalkRecord) => reasons(tellStory(record));

const settings = (state: PlaceState, change: Partial<LinkSettings>) => ({
  settings: new Map([...state.settings].map(([index, one]) => [index, { ...one, ...change }])),
});
const links = (state: PlaceState, name: RegExp, change: Partial<PlaceState["links"][number]>) => ({
  links: state.links.map((link) => (name.test(link.name) ? { ...link, ...change } : link)),
});

describe("lost after it came into a node", () => {
  const cut = lostAt(bgp, NODE1, /^cali/, "in");
  const change = (make: (state: PlaceState) => Partial<PlaceState>) => told(withState(cut, NODE1, make));

  it("with nothing against it, that is said", () => {
    expect(told(cut)).toEqual(["unknown"]);
  });

  it.each<[string, Reason["reason"], (state: PlaceState) => Partial<PlaceState>]>([
    [
      "no route",
      "no-route",
      (state) => ({ routes: state.routes.filter(({ destination }) => destination.length === 32) }),
    ],
    ["a switch against forwarding", "no-forwarding", (state) => settings(state, { forwarding: false })],
    ["an interface that is down", "interface-down", (state) => links(state, /^ens33$/, { up: false })],
    ["an interface without carrier", "interface-down", (state) => links(state, /^ens33$/, { running: false })],
    ["an interface that takes less", "too-big", (state) => links(state, /^ens33$/, { mtu: 80 })],
    [
      "a neighbour that has failed",
      "no-neighbour",
      (state) => ({ neighbours: state.neighbours.map((one) => ({ ...one, state: 0x20, mac: undefined })) }),
    ],
  ])("%s is found", (_name, reason, make) => {
    expect(change(make)).toEqual([reason]);
  });

  it("a route that leads nowhere is found, with the kind it is of", () => {
    for (const kind of ["blackhole", "unreachable", "prohibit"] as const) {
      const story = tellStory(
        withState(cut, NODE1, (state) => ({
          routes: state.routes.map((route) =>
            route.table === 254 && route.destination.length === 26 ? { ...route, kind, nextHops: [] } : route,
          ),
        })),
      );
      expect(story.loss?.reasons).toMatchObject([
        { reason: "dead-route", kind, route: expect.stringContaining(`${kind} 10.244.`) },
      ]);
    }
  });

  it("rp_filter is found where it is strict and the way back another; loose only asks for a way", () => {
    const back = (state: PlaceState, rpFilter: number) => ({
      ...settings(state, { rpFilter }),
      // The pod's own route is gone: what is left is the block's black hole.
      routes: state.routes.filter((route) => route.destination.length !== 32 || route.table === 255),
    });
    expect(change((state) => back(state, 1))).toContain("rp-filter");
    expect(change((state) => back(state, 2))).toContain("rp-filter");
    expect(change((state) => back(state, 0))).not.toContain("rp-filter");
    const elsewhere = (rpFilter: number) =>
      change((state) => ({
        ...settings(state, { rpFilter }),
        routes: state.routes.map((route) =>
          route.destination.length === 32 && route.table === 254
            ? { ...route, nextHops: route.nextHops.map((hop) => ({ ...hop, linkIndex: 1 })) }
            : route,
        ),
      }));
    expect([elsewhere(1), elsewhere(2)]).toEqual([["rp-filter"], ["unknown"]]);
  });

  it("several reasons are told in the order in which the kernel comes by them", () => {
    expect(
      change((state) => ({
        ...settings(state, { forwarding: false }),
        ...links(state, /^ens33$/, { mtu: 80, up: false }),
      })),
    ).toEqual(["no-forwarding", "interface-down", "too-big"]);
  });
});

describe("lost on the wire", () => {
  it("between the ends of a cable: the other end is down, or gone", () => {
    const cut = lostAt(bgp, POD1, /^eth0$/, "out");
    expect(told(withState(cut, NODE1, (state) => links(state, /^cali/, { up: false })))).toEqual(["interface-down"]);
    expect(
      told(withState(cut, NODE1, (state) => ({ links: state.links.filter(({ name }) => !name.startsWith("cali")) }))),
    ).toEqual(["interface-gone"]);
  });

  it("on a segment: the MAC is nobody's, or its owner is down", () => {
    const cut = lostAt(bgp, NODE1, /^ens33$/, "out");
    expect(told(withState(cut, NODE2, (state) => links(state, /^ens33$/, { up: false })))).toEqual(["interface-down"]);
    const strange = parseMac("02:00:00:00:00:01");
    expect(told(withState(cut, NODE2, (state) => links(state, /^ens33$/, { mac: strange })))).toEqual([
      "mac-of-nobody",
    ]);
    // Where others cannot be watched, it may be theirs.
    const alone = { ...cut, partial: true, places: cut.places.filter(({ name }) => name !== NODE2 && name !== POD2) };
    expect(tellStory(alone)).toMatchObject({ outcome: "gone", loss: null, partial: true });
  });
});

describe("lost in a tunnel", () => {
  const vxlan = recorded("vxlan");

  it("before it is wrapped: no forwarding entry", () => {
    const cut = lostAt(vxlan, "controlplane", /^vxlan/, "out");
    expect(told(withState(cut, "controlplane", () => ({ forwardingEntries: [] })))).toEqual(["no-forwarding-entry"]);
    expect(told(withState(cut, "controlplane", (state) => links(state, /^ens3$/, { mtu: 100 })))).toEqual(["too-big"]);
  });

  it("at its end: no device that unwraps it, or one of another network", () => {
    const cut = lostAt(vxlan, "node01", /^ens3$/, "in");
    const none = (state: PlaceState) => ({ links: state.links.filter(({ kind }) => kind !== "vxlan") });
    expect(told(withState(cut, "node01", none))).toEqual(["no-tunnel-device"]);
    const other = (state: PlaceState) => ({
      links: state.links.map((link) =>
        link.tunnel?.kind === "vxlan" ? { ...link, tunnel: { ...link.tunnel, id: 1 } } : link,
      ),
    });
    expect(told(withState(cut, "node01", other))).toEqual(["no-tunnel-device"]);
    expect(told(withState(cut, "node01", (state) => links(state, /^vxlan/, { up: false })))).toEqual([
      "interface-down",
    ]);
  });

  it("of IPIP as well", () => {
    const ipip = recorded("ipip");
    const before = lostAt(ipip, "controlplane", /^tunl0$/, "out");
    expect(told(withState(before, "controlplane", (state) => links(state, /^ens3$/, { up: false })))).toEqual([
      "interface-down",
    ]);
    const after = lostAt(ipip, "node01", /^ens3$/, "in");
    const none = (state: PlaceState) => ({ links: state.links.filter(({ kind }) => kind !== "ipip") });
    expect(told(withState(after, "node01", none))).toEqual(["no-tunnel-device"]);
  });
});

describe("look-ups", () => {
  it("take rules by priority, then the longest prefix, then the lowest metric; throw goes on", () => {
    const cut = lostAt(bgp, NODE1, /^cali/, "in");
    const routeOf = (make: (state: PlaceState) => Partial<PlaceState>) =>
      tellStory(withState(cut, NODE1, make)).request.findLast((step) => step.step === "route");
    const [some] = bgp.places.find(({ name }) => name === NODE1)?.state.routes ?? [];
    if (some === undefined) throw new Error("no route");
    const { destination } = bgp.probe;
    const single = {
      ...some,
      kind: "unreachable" as const,
      destination: Prefix.host(destination),
      nextHops: [],
      protocol: 4,
    };
    const rule = {
      family: 4 as const,
      source: undefined,
      destination: undefined,
      mark: undefined,
      markMask: undefined,
      protocol: 4,
    };
    const extra = { ...rule, priority: 100, table: 77 };
    const inTable = (kind: "unreachable" | "throw") => (state: PlaceState) => ({
      routes: [...state.routes, { ...single, kind, table: 77 }],
      rules: [...state.rules, extra],
    });
    expect(routeOf((state) => ({ routes: [...state.routes, { ...single, table: 254 }] }))).toMatchObject({
      kind: "unreachable",
      protocol: "static",
    });
    expect(routeOf(inTable("unreachable"))).toMatchObject({ kind: "unreachable", table: 77 });
    expect(routeOf(inTable("throw"))).toMatchObject({ meaning: "block", table: 254 });
    const marked = (state: PlaceState) => ({
      ...inTable("unreachable")(state),
      rules: [...state.rules, { ...extra, mark: 1, markMask: 1 }],
    });
    expect(routeOf(marked)).toMatchObject({ table: 254 });
    const elsewhere = (state: PlaceState) => ({
      ...inTable("unreachable")(state),
      rules: [...state.rules, { ...extra, source: parsePrefix("10.9.0.0/16") }],
    });
    expect(routeOf(elsewhere)).toMatchObject({ table: 254 });
    const two = (first: number, second: number) => (state: PlaceState) => ({
      routes: [
        ...state.routes,
        { ...single, table: 254, metric: first },
        { ...single, kind: "prohibit" as const, table: 254, metric: second },
      ],
    });
    expect(routeOf(two(10, 20))).toMatchObject({ kind: "unreachable" });
    expect(routeOf(two(20, 10))).toMatchObject({ kind: "prohibit" });
  });
});

describe("why", () => {
  it("stands with the route that the agent explained, and with no other", () => {
    const why = origin("because of a test").reason;
    const record = mapPlaces(bgp, (place) => ({ ...place, whys: place.whys.map((one) => ({ ...one, why })) }));
    const steps = tellStory(record).request.filter((step) => step.step === "route");
    expect(steps.map((step) => [step.place, step.why])).toEqual([
      [POD1, null],
      [NODE1, why],
      [NODE2, why],
      [POD2, null],
    ]);
  });
});
