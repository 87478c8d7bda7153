import { describe, expect, it } from "vitest";
import { BgpError } from "../../src/error.ts";
import { negotiate, ownOpen } from "../../src/session/negotiate.ts";
import { NO_CAPABILITIES, ROLES, type Role } from "../../src/wire/capabilities.ts";
import { decodeOne, hex, message } from "../support/bytes.ts";
import { createLab, peerTo } from "../support/lab.ts";
import { NOT_RESTARTING, openOf, sessionConfig } from "../support/session.ts";

const external = (role: Role | undefined, strictRole = false) => sessionConfig({ remoteAs: 64513, role, strictRole });
const saying = (...roles: readonly Role[]) =>
  openOf({ as: 64513, capabilities: { ...NO_CAPABILITIES, families: [4], as4: 64513, roles } });

describe("RFC 9234 §4.1 capability", () => {
  it("has a number for each role", () => {
    const numbers = ["00", "01", "02", "03", "04"].map((value) =>
      decodeOne(message(1, hex(`04 fc00 005a 0a000001 05  02 03 09 01 ${value}`))),
    );
    expect(numbers).toMatchObject(ROLES.map((role) => ({ capabilities: { roles: [role] } })));
    expect(ROLES).toEqual(["provider", "rs", "rs-client", "customer", "peer"]);
  });

  it("that is not assigned is not understood", () => {
    const open = decodeOne(message(1, hex("04 fc00 005a 0a000001 05  02 03 09 01 05")));
    expect(open).toMatchObject({ capabilities: { roles: [], unknown: [{ code: 9 }] } });
  });

  it("is said to external peers only", () => {
    expect(ownOpen(external("customer"), NOT_RESTARTING).capabilities.roles).toEqual(["customer"]);
    expect(ownOpen(sessionConfig({ role: "customer" }), NOT_RESTARTING).capabilities.roles).toEqual([]);
  });
});

describe("RFC 9234 §4.2 correctness", () => {
  const allowed = new Set(["provider customer", "customer provider", "rs rs-client", "rs-client rs", "peer peer"]);
  const pairs = ROLES.flatMap((ours) => ROLES.map((theirs) => [ours, theirs] as const));

  it.each(pairs)("%s and %s", (ours, theirs) => {
    const result = negotiate(external(ours), saying(theirs));
    if (allowed.has(`${ours} ${theirs}`)) expect(result).toMatchObject({ role: ours });
    else expect(result).toMatchObject({ errorCode: 2, errorSubcode: 11 });
  });

  it("a peer that says nothing is taken, unless this side is strict", () => {
    expect(negotiate(external("peer"), saying())).toMatchObject({ role: "peer" });
    expect(negotiate(external("peer", true), saying())).toMatchObject({ errorCode: 2, errorSubcode: 11 });
  });

  it("a peer that says two things is refused, one that says one twice is not", () => {
    expect(negotiate(external("peer"), saying("peer", "customer"))).toBeInstanceOf(BgpError);
    expect(negotiate(external("peer"), saying("peer", "peer"))).toMatchObject({ role: "peer" });
  });

  it("without a role of our own theirs does not matter", () => {
    expect(negotiate(external(undefined), saying("peer", "customer"))).toMatchObject({ role: undefined });
  });

  it("a mismatch is said in words on both sides", async () => {
    const lab = createLab();
    const [a, b] = [await lab.node("10.0.0.1"), await lab.node("10.0.0.2", { localAs: 64513 })];
    a.speaker.setPeers([peerTo("10.0.0.1", "10.0.0.2", { remoteAs: 64513, role: "provider" })]);
    b.speaker.setPeers([peerTo("10.0.0.2", "10.0.0.1", { remoteAs: 64512, role: "peer" })]);
    lab.advance(1000);
    expect(a.speaker.status()).toMatchObject([{ trouble: { kind: "role-mismatch" } }]);
    expect(b.speaker.status()).toMatchObject([{ trouble: { kind: "role-mismatch" } }]);
    const said =
      /the peer is (peer|provider), but this side is (provider|peer)|received OPEN Message Error: Role Mismatch/;
    for (const { speaker } of [a, b]) expect(speaker.status()[0]?.info).toMatch(said);
  });

  it("a role towards a peer of the same AS is refused as a configuration", async () => {
    const lab = createLab();
    const a = await lab.node("10.0.0.1");
    expect(() => a.speaker.setPeers([peerTo("10.0.0.1", "10.0.0.2", { role: "peer" })])).toThrow(/same AS/);
  });
});
