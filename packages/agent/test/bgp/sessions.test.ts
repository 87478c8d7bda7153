import { acceptAll } from "@ocicat/bgp";
import { parseAddress } from "@ocicat/net";
import type { MeshPeer, PeerSession } from "@ocicat/routing";
import { describe, expect, it } from "vitest";
import { describeSession, refusedReport, sessionsOf } from "../../src/bgp/sessions.ts";

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
  remotePort: 1179,
  localAs: 64999,
  remoteAs: 65000,
  passive: false,
  nextHop: "self",
  allowedOwnAs: 1,
  keepaliveS: 10,
  restartTimeS: 30,
  refused: undefined,
  origin: { reason: "BGPPeer tor", resources: [{ kind: "BGPPeer", name: "tor" }] },
  ...extra,
});

describe("a node's sessions", () => {
  it("are the mesh's, at the port where each node listens, and those asked for, as they are asked for", () => {
    const sessions = sessionsOf([mesh("node2", "10.0.0.2")], () => 1790, [asked("10.0.0.254")], acceptAll);
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
    const sessions = sessionsOf([mesh("node2", "10.0.0.2")], () => 179, [asked("10.0.0.2")], acceptAll);
    expect(sessions.map(({ name }) => name)).toEqual(["Node_x"]);
  });

  it("are called by the node, else by the BGPPeer", () => {
    const called = (peers: readonly PeerSession[], meshPeers: readonly MeshPeer[] = []) =>
      sessionsOf(meshPeers, () => 179, peers, acceptAll).map(describeSession);
    expect(called([asked("10.0.0.254")], [mesh("node2", "10.0.0.2")])).toEqual([
      "node2 (10.0.0.2)",
      "tor (10.0.0.254)",
    ]);
    expect(called([asked("10.0.0.2", { node: "node2" })])).toEqual(["node2 (10.0.0.2)"]);
  });

  it("that are refused are shown with the reason", () => {
    const [session] = sessionsOf([], () => 179, [asked("10.0.0.254", { refused: "no TCP MD5" })], acceptAll);
    if (session === undefined) throw new Error("no session");
    expect(refusedReport(session, 0)).toMatchObject({
      address: "10.0.0.254",
      type: "node specific",
      state: "Idle",
      since: "1970-01-01T00:00:00.000Z",
      info: "no TCP MD5",
    });
  });
});
