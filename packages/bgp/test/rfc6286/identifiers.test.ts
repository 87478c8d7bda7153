import { describe, expect, it } from "vitest";
import { negotiate } from "../../src/session/negotiate.ts";
import { NO_CAPABILITIES } from "../../src/wire/capabilities.ts";
import { address4 } from "../support/lab.ts";
import { openOf, Subject, sessionConfig, words } from "../support/session.ts";

const OURS = address4("10.0.0.2");

describe("RFC 6286 §2.1 definition", () => {
  it("any number but zero is an identifier, no host's address as well", () => {
    for (const text of ["0.0.0.1", "224.0.0.1", "255.255.255.255"]) {
      expect(negotiate(sessionConfig(), openOf({ routerId: address4(text) }))).toMatchObject({ holdTimeS: 90 });
    }
  });
});

describe("RFC 6286 §2.2 unacceptable identifiers", () => {
  it("zero", () => {
    expect(negotiate(sessionConfig(), openOf({ routerId: address4("0.0.0.0") }))).toMatchObject({
      errorCode: 2,
      errorSubcode: 3,
    });
  });

  it("our own, of a peer in our AS", () => {
    expect(negotiate(sessionConfig(), openOf({ routerId: OURS }))).toMatchObject({ errorCode: 2, errorSubcode: 3 });
  });

  it("but not of a peer in another AS", () => {
    const config = sessionConfig({ remoteAs: 64513 });
    const open = openOf({ as: 64513, routerId: OURS, capabilities: { ...NO_CAPABILITIES, families: [4], as4: 64513 } });
    expect(negotiate(config, open)).toMatchObject({ internal: false });
  });
});

describe("RFC 6286 §2.3 collisions between equal identifiers", () => {
  it.each([
    [64511, "incoming", "the larger AS is ours: the connection that we dialled stays"],
    [64513, "outgoing", "the larger AS is the peer's: the connection that it dialled stays"],
  ] as const)("with AS%i, %s is closed: %s", (remoteAs, loser, _why) => {
    const open = openOf({
      as: remoteAs,
      routerId: OURS,
      capabilities: { ...NO_CAPABILITIES, families: [4], as4: remoteAs },
    });
    const subject = new Subject({ remoteAs }).bring("outgoing", "OpenConfirm", open);
    subject.feed({ type: "offered" });
    const actions = words(subject.feed({ type: "message", slot: "incoming", message: open }));
    expect(actions).toContain(`send notification 6/7 ${loser}`);
    expect(actions).toContain(`close ${loser}`);
  });
});
