import { acceptAll, reject } from "@ocicat/bgp";
import { parseAddress } from "@ocicat/net";
import type { MeshPeer, PeerSession } from "@ocicat/routing";
import { describe, expect, it } from "vitest";
import { describeSession, refusedReport, type SessionSettings, sessionsOf } from "../../src/bgp/sessions.ts";

const mesh = (node: string, address: string): MeshPeer => ({
  node,
  localAddress: parseAddress("10.0.0.1"),
  remoteAddress: parseAddress(address),
  localAs: 64512,
  remoteAs: 64512,
  passive: true,
  origin: { reason: "mesh", resources: [{ kind: "Node", name: node }] },
});

const asked = (address: string, extra: Partial<PeerSession> = {}): PeerSession => ({
  name: "Node_x",
  scope: "node specific",
  node: undefined,
  localAddress: parseAddress("10.0.0.1"),
  remoteAddress: parseAddress(address),
  link: undefined,
  unnumbered: false,
  remotePort: 1179,
  localAs: 64999,
  remoteAs: 65000,
  passive: false,
  nextHop: "self",
  allowedOwnAs: 1,
  keepaliveS: 10,
  restartTimeS: 30,
  password: undefined,
  mostHops: undefined,
  reachableBy: undefined,
  filters: [],
  bfd: undefined,
  clusterId: undefined,
  reflectorClient: false,
  refused: undefined,
  origin: { reason: "BGPPeer tor", resources: [{ kind: "BGPPeer", name: "tor" }] },
  ...extra,
});

const none = reject("import");
const settings = (extra: Partial<SessionSettings> = {}): SessionSettings => ({
  portOf: () => 179,
  meshPassword: undefined,
  meshRestartTimeS: undefined,
  meshBfd: undefined,
  secret: ({ key }) => (key === "there" ? { value: "sesame" } : { missing: `${key} is not there` }),
  policies: { importing: () => () => none, exporting: () => acceptAll },
  ...extra,
});

const secret = (key: string, optional = false) => ({ name: "bgp", key, optional });

describe("a node's sessions", () => {
  it("are the mesh's, at the port where each node listens, and those asked for, as they are asked for", () => {
    const sessions = sessionsOf([mesh("node2", "10.0.0.2")], [asked("10.0.0.254")], settings({ portOf: () => 1790 }));
    expect(sessions.map(({ name, type }) => [name, type])).toEqual([
      ["Mesh_10_0_0_2", "node-to-node mesh"],
      ["Node_x", "node specific"],
    ]);
    expect(sessions[0]?.config).toMatchObject({ remotePort: 1790, passive: true });
    expect(sessions[1]?.config).toMatchObject({
      remotePort: 1179,
      localAs: 64999,
      remoteAs: 65000,
      nextHopMode: "self",
      allowedOwnAs: 1,
      keepaliveS: 10,
      gracefulRestart: { restartTimeS: 30 },
      families: [4],
    });
  });

  it("to one address are one: the one that was asked for", () => {
    const sessions = sessionsOf([mesh("node2", "10.0.0.2")], [asked("10.0.0.2")], settings());
    expect(sessions.map(({ name }) => name)).toEqual(["Node_x"]);
  });

  it("are called by the node, else by the BGPPeer", () => {
    const called = (peers: readonly PeerSession[], meshPeers: readonly MeshPeer[] = []) =>
      sessionsOf(meshPeers, peers, settings()).map(describeSession);
    expect(called([asked("10.0.0.254")], [mesh("node2", "10.0.0.2")])).toEqual([
      "node2 (10.0.0.2)",
      "tor (10.0.0.254)",
    ]);
    expect(called([asked("10.0.0.2", { node: "node2" })])).toEqual(["node2 (10.0.0.2)"]);
  });

  it("that are refused are shown with the reason", () => {
    const [session] = sessionsOf([], [asked("10.0.0.254", { refused: "no TCP MD5" })], settings());
    if (session === undefined) throw new Error("no session");
    expect(refusedReport(session, 0)).toMatchObject({
      address: "10.0.0.254",
      type: "node specific",
      state: "Idle",
      since: "1970-01-01T00:00:00.000Z",
      info: "no TCP MD5",
    });
  });

  it("have their filters' policies, and their place in a reflector's cluster", () => {
    const [one] = sessionsOf([], [asked("10.0.0.254", { clusterId: "224.0.0.1", reflectorClient: true })], settings());
    expect(one?.config).toMatchObject({ clusterId: 0xe0000001, reflectorClient: true, exportPolicy: acceptAll });
    expect(one?.config.importPolicy?.({} as never, {} as never)).toBe(none);
  });

  it("are protected by a password and by the hops that packets may have come over", () => {
    const of = (extra: Partial<PeerSession>) => sessionsOf([], [asked("10.0.0.254", extra)], settings())[0];
    expect(of({})?.config.security).toBeUndefined();
    expect(of({ password: secret("there"), mostHops: 2 })?.config.security).toEqual({
      password: "sesame",
      ttl: 255,
      minTtl: 254,
    });
  });

  it("are not held without the password that was asked for, unless it may be missing", () => {
    const of = (extra: Partial<PeerSession>) => sessionsOf([], [asked("10.0.0.254", extra)], settings())[0];
    expect(of({ password: secret("gone") })?.refused).toBe("its password is missing: gone is not there");
    expect(of({ password: secret("gone", true) })).toMatchObject({
      refused: undefined,
      config: { security: undefined },
    });
    const [mesh1] = sessionsOf([mesh("node2", "10.0.0.2")], [], settings({ meshPassword: secret("gone") }));
    expect(mesh1?.refused).toContain("gone is not there");
    const [mesh2] = sessionsOf([mesh("node2", "10.0.0.2")], [], settings({ meshPassword: secret("there") }));
    expect(mesh2?.config.security).toEqual({ password: "sesame" });
  });
});
