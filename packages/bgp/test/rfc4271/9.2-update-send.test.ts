import { parseAddress, parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { acceptAll, type Policy } from "../../src/filter/policy.ts";
import { type ExportedPath, type ExportView, exportPath } from "../../src/rib/export.ts";
import type { RibPeer } from "../../src/rib/sources.ts";
import type { PathAttributes } from "../../src/wire/attributes/types.ts";
import { address4 } from "../support/lab.ts";
import { path, ribPeer } from "../support/rib.ts";

const PREFIX = parsePrefix("10.1.0.0/16");
const US = address4("10.0.0.254");
const IBGP_PEER = ribPeer("10.0.0.1");
const EBGP_PEER = ribPeer("10.0.0.2", { as: 64513, internal: false });
const OWN: PathAttributes = { origin: 0, asPath: [], nextHop: address4("0.0.0.0") };

const towards = (internal: boolean, extra: Partial<ExportView> = {}): ExportView => ({
  peer: { internal, localAs: 64512, remoteAs: internal ? 64512 : 64514 },
  nextHopMode: "auto",
  self: { 4: US },
  policy: acceptAll,
  ...extra,
});

function pathOf(source: RibPeer | undefined, attributes: PathAttributes): ExportedPath {
  return { source, origin: source === undefined ? "test" : undefined, attributes };
}

function sent(source: RibPeer | undefined, attributes: PathAttributes, view: ExportView) {
  const verdict = exportPath(PREFIX, pathOf(source, attributes), view);
  return "refusal" in verdict ? verdict.refusal : verdict.attributes;
}

describe("RFC 4271 §9.2: what is announced to whom", () => {
  it("a route of our own: to internal peers with this speaker as next hop and LOCAL_PREF 100", () => {
    expect(sent(undefined, OWN, towards(true))).toEqual({ origin: 0, asPath: [], nextHop: US, localPref: 100 });
  });

  it("a route of our own: to external peers with our AS in front and no LOCAL_PREF, its MED kept", () => {
    expect(sent(undefined, { ...OWN, localPref: 300, med: 9 }, towards(false))).toEqual({
      origin: 0,
      asPath: [{ type: "sequence", asns: [64512] }],
      nextHop: US,
      med: 9,
    });
  });

  it("learned from an internal peer: not to internal peers", () => {
    expect(sent(IBGP_PEER, path(), towards(true))).toBe("learned from an internal peer, towards an internal peer");
    expect(sent(IBGP_PEER, path(), towards(false))).toMatchObject({ nextHop: US });
  });

  it("learned from an external peer: to internal peers with the next hop left alone (§5.1.3) and the MED (§5.1.4)", () => {
    const attributes = path({ asPath: [{ type: "sequence", asns: [64513] }], med: 4 });
    expect(sent(EBGP_PEER, attributes, towards(true))).toEqual(attributes);
  });

  it("learned from an external peer: to other external peers without the MED (§5.1.4) and what is internal", () => {
    const attributes = path({
      asPath: [{ type: "sequence", asns: [64513] }],
      med: 4,
      originatorId: US,
      clusterList: [US],
      communities: [7],
    });
    expect(sent(EBGP_PEER, attributes, towards(false))).toEqual({
      origin: 0,
      asPath: [{ type: "sequence", asns: [64512, 64513] }],
      nextHop: US,
      communities: [7],
    });
  });

  it("the next hop can be kept towards external peers, and set towards internal ones", () => {
    const attributes = path({ asPath: [{ type: "sequence", asns: [64513] }], nextHop: address4("10.7.7.7") });
    expect(sent(EBGP_PEER, attributes, towards(false, { nextHopMode: "keep" }))).toMatchObject({
      nextHop: address4("10.7.7.7"),
    });
    expect(sent(EBGP_PEER, attributes, towards(true, { nextHopMode: "self" }))).toMatchObject({ nextHop: US });
  });

  it("an own next hop that was given is kept for internal peers", () => {
    expect(sent(undefined, { ...OWN, nextHop: address4("192.0.2.9") }, towards(true))).toMatchObject({
      nextHop: address4("192.0.2.9"),
    });
  });

  it("nothing, where this speaker has no address of the family to name", () => {
    const verdict = exportPath(
      parsePrefix("fd00::/16"),
      pathOf(undefined, { ...OWN, nextHop: parseAddress("::") }),
      towards(true),
    );
    expect(verdict).toEqual({ refusal: "no IPv6 address of this speaker to name as next hop" });
  });
});

describe("export policy", () => {
  it("sees the route before it is shaped for the peer, with its source or origin, and may change it", () => {
    const seen: Parameters<Policy>[] = [];
    const policy: Policy = (route, peer) => {
      seen.push([route, peer]);
      return { accept: true, attributes: { ...route.attributes, communities: [1] } };
    };
    expect(sent(undefined, OWN, towards(true, { policy }))).toMatchObject({ communities: [1], nextHop: US });
    expect(seen).toEqual([
      [
        { prefix: PREFIX, attributes: OWN, source: undefined, origin: "test" },
        { internal: true, localAs: 64512, remoteAs: 64512 },
      ],
    ]);
  });

  it("may set a MED towards external peers, also on what was learned (§5.1.4)", () => {
    const policy: Policy = ({ attributes }) => ({ accept: true, attributes: { ...attributes, med: 100 } });
    const learned = path({ asPath: [{ type: "sequence", asns: [64513] }], med: 4 });
    expect(sent(EBGP_PEER, learned, towards(false, { policy }))).toMatchObject({ med: 100 });
  });

  it("may refuse, with a reason", () => {
    const policy: Policy = () => ({ accept: false, reason: "pool has disableBGPExport" });
    expect(sent(undefined, OWN, towards(true, { policy }))).toBe("pool has disableBGPExport");
  });
});
