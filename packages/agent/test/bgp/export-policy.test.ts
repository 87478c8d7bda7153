import type { PolicyRoute } from "@ocicat/bgp";
import { parseAddress, parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { exportPolicy } from "../../src/bgp/export-policy.ts";

const pool = (cidr: string, disableBgpExport = false) => ({ cidr: parsePrefix(cidr), disableBgpExport });
const pools = [pool("10.244.0.0/16"), pool("10.98.0.0/16", true)];
const policy = exportPolicy({ pools, advertisements: [], reflected: [] });
const external = { internal: false, localAs: 64512, remoteAs: 65000 };
const internal = { internal: true, localAs: 64512, remoteAs: 64512 };

const route = (prefix: string, own = false): PolicyRoute => ({
  prefix: parsePrefix(prefix),
  attributes: { origin: 0, asPath: [], nextHop: parseAddress("10.0.0.2") },
  source: own ? undefined : { name: "Mesh_10_0_0_2", as: 64512, internal: true },
  origin: own ? "block" : undefined,
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

  it("is of services' ranges too, where this node reflects", () => {
    const reflecting = exportPolicy({ pools, advertisements: [], reflected: [parsePrefix("10.96.0.0/12")] });
    expect(reflecting(route("10.96.0.10/32"), internal)).toEqual({ accept: true });
    expect(policy(route("10.96.0.10/32"), internal).accept).toBe(false);
  });

  it("has the communities of every advertisement that the route lies in, own routes and others", () => {
    const advertisements = [
      { network: parsePrefix("10.244.0.0/16"), communities: [7] },
      { network: parsePrefix("10.244.0.0/24"), communities: [[64512, 1, 2]] as const },
    ];
    const adding = exportPolicy({ pools, advertisements, reflected: [] });
    const both = { communities: [7], largeCommunities: [[64512, 1, 2]] };
    expect(adding(route("10.244.0.0/26", true), internal)).toMatchObject({ attributes: both });
    expect(adding(route("10.244.0.0/26"), external)).toMatchObject({ attributes: { ...both, med: 100 } });
    const one = adding(route("10.244.1.0/26", true), internal);
    expect(one.accept && one.attributes?.largeCommunities).toBeUndefined();
    expect(one).toMatchObject({ attributes: { communities: [7] } });
  });
});
