import { parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { acceptAll } from "../../src/filter/policy.ts";
import { type ExportView, exportPath } from "../../src/rib/export.ts";
import { refuseAttributes, taken } from "../../src/rib/import.ts";
import type { PathAttributes } from "../../src/wire/attributes/types.ts";
import { ROLES, type Role } from "../../src/wire/capabilities.ts";
import { address4 } from "../support/lab.ts";
import { path, ribPeer, SELF } from "../support/rib.ts";

const PEER = ribPeer("10.0.0.1", { as: 64_513, internal: false });
const THROUGH = path({ asPath: [{ type: "sequence", asns: [64_513] }] });
const PREFIX = parsePrefix("10.1.0.0/16");

/** The attribute after the import; "leak": refused. `role`: what this speaker is to the peer. */
function taking(role: Role | undefined, onlyToCustomer: number | undefined): number | "leak" | undefined {
  const attributes: PathAttributes = { ...THROUGH, ...(onlyToCustomer !== undefined && { onlyToCustomer }) };
  const self = { ...SELF, role };
  if (refuseAttributes(attributes, PEER, self)?.startsWith("route leak") === true) return "leak";
  return taken(attributes, PEER, self).onlyToCustomer;
}

/** The attribute as it is told; "kept back": it is not. */
function telling(role: Role | undefined, onlyToCustomer: number | undefined): number | "kept back" | undefined {
  const view: ExportView = {
    peer: { internal: false, localAs: 64_512, remoteAs: 64_514 },
    nextHopMode: "auto",
    self: { 4: address4("10.0.0.254") },
    policy: acceptAll,
    role,
  };
  const attributes: PathAttributes = { ...THROUGH, ...(onlyToCustomer !== undefined && { onlyToCustomer }) };
  const verdict = exportPath(PREFIX, { attributes, source: PEER, origin: undefined }, view);
  return "refusal" in verdict ? "kept back" : verdict.attributes.onlyToCustomer;
}

const each = (act: (role: Role) => unknown) => Object.fromEntries(ROLES.map((role) => [role, act(role)]));

describe("RFC 9234 §5, ingress", () => {
  it("1: marked, from a customer or a route server's client: a leak. 2: from a peer: a leak, unless it put its own AS there", () => {
    expect(each((role) => taking(role, 64_599))).toEqual({
      provider: "leak",
      rs: "leak",
      "rs-client": 64_599,
      customer: 64_599,
      peer: "leak",
    });
    expect(taking("peer", 64_513)).toBe(64_513);
  });

  it("3: unmarked, from a provider, a peer or a route server: marked with its AS", () => {
    expect(each((role) => taking(role, undefined))).toEqual({
      provider: undefined,
      rs: undefined,
      "rs-client": 64_513,
      customer: 64_513,
      peer: 64_513,
    });
  });

  it("without a role nothing is looked at", () => {
    expect([taking(undefined, undefined), taking(undefined, 1)]).toEqual([undefined, 1]);
  });
});

describe("RFC 9234 §5, egress", () => {
  it("1: unmarked, to a customer, a peer or a route server's client: marked with our AS", () => {
    expect(each((role) => telling(role, undefined))).toEqual({
      provider: 64_512,
      rs: 64_512,
      "rs-client": undefined,
      customer: undefined,
      peer: 64_512,
    });
  });

  it("2: marked, to a provider, a peer or a route server: kept back", () => {
    expect(each((role) => telling(role, 64_599))).toEqual({
      provider: 64_599,
      rs: 64_599,
      "rs-client": "kept back",
      customer: "kept back",
      peer: "kept back",
    });
  });
});
