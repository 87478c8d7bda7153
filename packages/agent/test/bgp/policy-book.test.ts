import { API_VERSION, bgpFilter, readDocument } from "@ocicat/api";
import type { PolicyRoute } from "@ocicat/bgp";
import { parseAddress, parsePrefix } from "@ocicat/net";
import { beforeEach, describe, expect, it } from "vitest";
import type { ExportScope } from "../../src/bgp/export-policy.ts";
import { PolicyBook } from "../../src/bgp/policy-book.ts";
import { bgpFilterRow } from "../../src/tables/bgp-filter-row.ts";

function filter(name: string, spec: object) {
  const resource = readDocument({ apiVersion: API_VERSION, kind: "BGPFilter", metadata: { name }, spec });
  if (!bgpFilter.is(resource)) throw new Error("not a BGPFilter");
  return bgpFilterRow(resource);
}

const SCOPE: ExportScope = {
  pools: [{ cidr: parsePrefix("10.244.0.0/16"), disableBgpExport: false }],
  advertisements: [],
  reflected: [],
};
const PODS = filter("pods", {
  exportV4: [
    { action: "Accept", matchOperator: "In", cidr: "10.98.0.0/16", prefixLength: { max: 24 } },
    { action: "Reject", source: "RemotePeers" },
  ],
  importV4: [{ action: "Reject", matchOperator: "Equal", cidr: "0.0.0.0/0" }],
});
const EXTERNAL = { internal: false, localAs: 64512, remoteAs: 65000 };

const route = (prefix: string, own = false): PolicyRoute => ({
  prefix: parsePrefix(prefix),
  attributes: { origin: 0, asPath: [], nextHop: parseAddress("10.0.0.2") },
  source: own ? undefined : { name: "Mesh_10_0_0_2", as: 64512, internal: true },
  origin: own ? "block" : undefined,
});

let book: PolicyBook;
beforeEach(() => {
  book = new PolicyBook({ interfaceOf: () => "eth0" });
  book.update([PODS], SCOPE);
});

describe("a session's policy", () => {
  it("is that of its filters, and after them the pools'", () => {
    const policy = book.exporting(["pods"], 4);
    expect(policy(route("10.98.1.0/24"), EXTERNAL)).toEqual({ accept: true, by: "BGPFilter pods exportV4[0]" });
    expect(policy(route("10.98.1.0/26"), EXTERNAL)).toEqual({ accept: false, reason: "BGPFilter pods exportV4[1]" });
    expect(policy(route("10.244.0.0/26", true), EXTERNAL)).toEqual({ accept: true });
    expect(book.exporting([], 4)(route("10.99.0.0/26"), EXTERNAL)).toEqual({ accept: false, reason: "in no IPPool" });
  });

  it("is another for what a peer tells, where all else is taken", () => {
    const policy = book.importing(["pods"], 4);
    expect(policy(route("0.0.0.0/0"), EXTERNAL)).toEqual({ accept: false, reason: "BGPFilter pods importV4[0]" });
    expect(policy(route("10.1.0.0/16"), EXTERNAL)).toEqual({ accept: true });
  });

  it("asks the rules of its family", () => {
    expect(book.exporting(["pods"], 6)(route("10.98.1.0/24"), EXTERNAL)).toMatchObject({ reason: "in no IPPool" });
  });

  it("lets nothing pass while a filter that it names is not there", () => {
    const reason = "BGPFilter gone, which the BGPPeer names, is not there or cannot be read";
    expect(book.exporting(["pods", "gone"], 4)(route("10.244.0.0/26", true), EXTERNAL)).toEqual({
      accept: false,
      reason,
    });
    expect(book.importing(["gone"], 4)(route("10.1.0.0/16"), EXTERNAL)).toEqual({ accept: false, reason });
  });
});

describe("the function", () => {
  it("is the same for as long as it decides alike, so that no route is looked at for nothing", () => {
    const first = book.exporting(["pods"], 4);
    book.update([filter("pods", PODS_AGAIN), filter("other", {})], { ...SCOPE, pools: [...SCOPE.pools] });
    expect(book.exporting(["pods"], 4)).toBe(first);
  });

  it("is another when a filter, a pool or an advertisement is another", () => {
    const first = book.exporting(["pods"], 4);
    const incoming = book.importing(["pods"], 4);
    book.update([PODS], { ...SCOPE, advertisements: [{ network: parsePrefix("10.244.0.0/16"), communities: [7] }] });
    const second = book.exporting(["pods"], 4);
    expect(second).not.toBe(first);
    // What is told has no part in what is taken.
    expect(book.importing(["pods"], 4)).toBe(incoming);
    book.update([filter("pods", { exportV4: [] })], SCOPE);
    expect(book.exporting(["pods"], 4)).not.toBe(second);
    expect(book.importing(["pods"], 4)).not.toBe(incoming);
  });
});

describe("a rule about a priority", () => {
  it("takes a route without a LOCAL_PREF for one of the normal priority, which may change", () => {
    const only700 = filter("only700", { importV4: [{ action: "Accept", priority: 700 }, { action: "Reject" }] });
    book.update([only700], SCOPE);
    const before = book.importing(["only700"], 4);
    expect(before(route("10.1.0.0/16"), EXTERNAL)).toMatchObject({ accept: false });
    book.update([only700], SCOPE, { 4: 700, 6: 1024 });
    const after = book.importing(["only700"], 4);
    expect(after).not.toBe(before);
    expect(after(route("10.1.0.0/16"), EXTERNAL)).toMatchObject({ accept: true });
  });
});

const PODS_AGAIN = {
  exportV4: [
    { action: "Accept", matchOperator: "In", cidr: "10.98.0.0/16", prefixLength: { max: 24 } },
    { action: "Reject", source: "RemotePeers" },
  ],
  importV4: [{ action: "Reject", matchOperator: "Equal", cidr: "0.0.0.0/0" }],
};
