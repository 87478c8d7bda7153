import type { PolicyRoute } from "@ocicat/bgp";
import { parseAddress, parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { exportPolicies, exportPolicy } from "../../src/bgp/export-policy.ts";

const pool = (cidr: string, disableBgpExport = false) => ({ cidr: parsePrefix(cidr), disableBgpExport });
const policy = exportPolicy([pool("10.244.0.0/16"), pool("10.98.0.0/16", true)]);
const external = { internal: false, localAs: 64512, remoteAs: 65000 };
const internal = { internal: true, localAs: 64512, remoteAs: 64512 };

const route = (prefix: string, own = false): PolicyRoute => ({
  prefix: parsePrefix(prefix),
  attributes: { origin: 0, asPath: [], nextHop: parseAddress("10.0.0.2") },
  source: own ? undefined : { name: "Mesh_10_0_0_2", as: 64512, internal: true },
  origin: own ? "block" : undefined,
});

describe("the function", () => {
  it("is the same for as long as the pools that it goes by are", () => {
    const policyFor = exportPolicies();
    const first = policyFor([pool("10.244.0.0/16"), pool("10.98.0.0/16", true)]);
    expect(policyFor([pool("10.98.0.0/16", true), pool("10.244.0.0/16")])).toBe(first);
    expect(policyFor([pool("10.244.0.0/16"), pool("10.98.0.0/16")])).not.toBe(first);
  });
});

describe("what peers are told", () => {
  it("is every route of our own", () => {
    expect(policy(route("10.98.0.0/26", true), external)).toEqual({ accept: true });
  });

  it("is of what was learned nothing outside pools, nor of pools that are not exported", () => {
    expect(policy(route("0.0.0.0/0"), external)).toEqual({ accept: false, reason: "in no IPPool" });
    expect(policy(route("10.98.0.0/26"), internal)).toEqual({
      accept: false,
      reason: "its IPPool has disableBGPExport",
    });
  });

  it("is that the node with the block is nearer, where the peer is external", () => {
    expect(policy(route("10.244.0.0/26"), external)).toMatchObject({ accept: true, attributes: { med: 100 } });
    expect(policy(route("10.244.0.0/26"), internal)).toEqual({ accept: true });
  });
});
