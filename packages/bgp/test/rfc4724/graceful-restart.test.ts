import type { Family } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import type { PeerConfig, SpeakerOptions, Transport } from "../../src/index.ts";
import { DEFAULT_CONTEXT } from "../../src/wire/context.ts";
import { MAX_EXTENDED_MESSAGE } from "../../src/wire/header.ts";
import { decodeOne } from "../support/bytes.ts";
import { address4, createLab, type Lab, mesh, type Node, peerTo, route } from "../support/lab.ts";

const A = "192.168.0.80";
const B = "192.168.0.81";
const C = "192.168.0.82";
const ALL = [A, B, C];
const BLOCK: Readonly<Record<string, string>> = { [A]: "10.244.1.0/26", [B]: "10.244.2.0/26", [C]: "10.244.3.0/26" };

interface Restartable {
  readonly lab: Lab;
  readonly node: (ip: string) => Node;
  /** kill -9: connections end, no NOTIFICATION, nothing is cleaned up. */
  readonly kill: (ip: string) => void;
  /** A new process at the same address. */
  readonly restart: (ip: string, options?: Partial<SpeakerOptions>, peers?: readonly PeerConfig[]) => Promise<Node>;
}

async function meshUp(extra: Partial<PeerConfig> = {}): Promise<Restartable> {
  const lab = createLab();
  const nodes = new Map<string, Node>();
  for (const ip of ALL) nodes.set(ip, await lab.node(ip));
  for (const [ip, { speaker }] of nodes) {
    speaker.setOriginated([route(BLOCK[ip] ?? "")]);
    speaker.setPeers(mesh(ip, ALL, extra));
  }
  lab.advance(1000);
  const node = (ip: string) => {
    const found = nodes.get(ip);
    if (found === undefined) throw new Error(ip);
    return found;
  };
  for (const ip of ALL) {
    expect(node(ip).routes()).toHaveLength(2);
    node(ip).changes.length = 0;
  }
  return {
    lab,
    node,
    kill: (ip) => lab.network.kill(address4(ip)),
    async restart(ip, options = {}, peers = mesh(ip, ALL, extra)) {
      const fresh = await lab.node(ip, { restarting: true, ...options });
      nodes.set(ip, fresh);
      fresh.speaker.setOriginated([route(BLOCK[ip] ?? "")]);
      fresh.speaker.setPeers(peers);
      return fresh;
    },
  };
}

function statusOf(node: Node, ip: string) {
  const status = node.speaker.status().find(({ remoteAddress }) => remoteAddress === address4(ip));
  if (status === undefined) throw new Error(`no peer ${ip}`);
  return status;
}

describe("RFC 4724 §4.2, the helper: a peer that is killed and comes back", () => {
  it("sees no change at all: no withdrawal, no new route, and the stale mark goes with End-of-RIB", async () => {
    const { lab, node, kill, restart } = await meshUp();
    kill(B);
    lab.advance(3000);
    expect(statusOf(node(A), B)).toMatchObject({ stale: 1, received: 1 });
    await restart(B);
    lab.advance(6000);
    for (const ip of [A, C]) {
      expect(statusOf(node(ip), B)).toMatchObject({ state: "Established", stale: 0, received: 1 });
      expect(node(ip).changes).toEqual([]);
    }
  });

  it("drops, at End-of-RIB, what the peer does not announce again", async () => {
    const { lab, node, kill, restart } = await meshUp();
    node(B).speaker.announce(route("10.244.2.64/26"));
    lab.advance(100);
    kill(B);
    await restart(B);
    lab.advance(6000);
    expect(node(A).changes.map(({ prefix, best }) => [String(prefix), best?.peer])).toEqual([
      ["10.244.2.64/26", "Mesh_192_168_0_81"],
      ["10.244.2.64/26", undefined],
    ]);
  });

  it("drops everything when the restart time is over and the peer is not back: 120 s unless told", async () => {
    const { lab, node, kill } = await meshUp();
    kill(B);
    lab.advance(119_000);
    expect(node(A).changes).toEqual([]);
    lab.advance(2000);
    expect(node(A).routes()).toEqual([`${BLOCK[C]} via ${C}`]);
    expect(statusOf(node(A), B)).toMatchObject({ stale: 0, received: 0 });
  });

  it("asks for the restart time that is configured, and keeps routes as long as the peer asked", async () => {
    const { lab, node, kill } = await meshUp({ gracefulRestart: { restartTimeS: 10 } });
    kill(B);
    lab.advance(9000);
    expect(node(A).changes).toEqual([]);
    lab.advance(1500);
    expect(node(A).routes()).toHaveLength(1);
  });

  it.each([
    ["without its forwarding flag", { forwardingPreserved: (family: Family) => family === 6 }, {}],
    ["without the capability", {}, { gracefulRestart: { mode: "off" } }],
  ] as const)("drops everything at once when the peer comes back %s", async (_what, options, peers) => {
    const { lab, node, kill } = await meshUp();
    kill(B);
    lab.advance(1000);
    expect(statusOf(node(A), B)).toMatchObject({ stale: 1 });
    const silent = await lab.node(B, { restarting: true, ...options });
    silent.speaker.setPeers(mesh(B, ALL, peers));
    lab.advance(100);
    expect(statusOf(node(A), B)).toMatchObject({ state: "Established", stale: 0, received: 0 });
    expect(node(A).routes()).toEqual([`${BLOCK[C]} via ${C}`]);
  });

  it("drops, on the second end in a row, what was stale since the first", async () => {
    const { lab, node, kill, restart } = await meshUp();
    kill(B);
    lab.advance(1000);
    // Back, but silent: it neither announces nor sends End-of-RIB.
    const silent = await lab.node(B, { restarting: true });
    silent.speaker.setPeers(mesh(B, ALL));
    lab.advance(6000);
    expect(statusOf(node(A), B)).toMatchObject({ state: "Established", stale: 1 });
    kill(B);
    lab.advance(100);
    expect(statusOf(node(A), B)).toMatchObject({ received: 0 });
    await restart(B);
    lab.advance(6000);
    expect(node(A).routes()).toHaveLength(2);
  });

  it("does not wait for ever for the End-of-RIB of a peer that is back: 360 s unless told", async () => {
    const { lab, node, kill } = await meshUp();
    kill(B);
    const silent = await lab.node(B, { restarting: true });
    silent.speaker.setPeers(mesh(B, ALL));
    lab.advance(350_000);
    expect(statusOf(node(A), B)).toMatchObject({ state: "Established", stale: 1 });
    lab.advance(20_000);
    expect(statusOf(node(A), B)).toMatchObject({ state: "Established", stale: 0, received: 0 });
  });

  it.each([
    ["a stop with a NOTIFICATION", (node: Node) => node.speaker.stop()],
    ["the peer's removal from the configuration", (node: Node) => Promise.resolve(node.speaker.setPeers([]))],
  ])("keeps nothing after %s", async (_what, end) => {
    const { lab, node } = await meshUp();
    await end(node(B));
    lab.advance(500);
    expect(node(A).routes()).toEqual([`${BLOCK[C]} via ${C}`]);
  });

  it("keeps nothing after the hold time has run out: that ends with a NOTIFICATION", async () => {
    const { lab, node } = await meshUp();
    lab.network.cut(address4(A), address4(B));
    lab.advance(91_000);
    expect(node(A).routes()).toEqual([`${BLOCK[C]} via ${C}`]);
    expect(statusOf(node(A), B).lastError).toContain("Hold Timer Expired");
  });

  it("keeps routes over a stop that is meant as a restart", async () => {
    const { lab, node, restart } = await meshUp();
    await node(B).speaker.stop({ graceful: true });
    lab.advance(1000);
    await restart(B);
    lab.advance(6000);
    expect(node(A).changes).toEqual([]);
  });

  it("keeps nothing where graceful restart is off, and keeps for others where it only helps", async () => {
    const lab = createLab();
    const [off, helper, peer] = [await lab.node(A), await lab.node(C), await lab.node(B)];
    off.speaker.setPeers([peerTo(A, B, { gracefulRestart: { mode: "off" } })]);
    helper.speaker.setPeers([peerTo(C, B, { gracefulRestart: { mode: "helper" } })]);
    peer.speaker.setPeers(mesh(B, ALL));
    peer.speaker.setOriginated([route(BLOCK[B] ?? "")]);
    lab.advance(1000);
    expect([off.routes().length, helper.routes().length]).toEqual([1, 1]);
    lab.network.kill(address4(B));
    lab.advance(1000);
    expect([off.routes().length, helper.routes().length]).toEqual([0, 1]);
  });

  it("takes a new connection of an Established peer for its restart (§5): the old one may be dead unheard", async () => {
    const lab = createLab();
    // B dials A. The node of B loses power: A hears nothing, and B dials anew within A's hold time.
    const [a, b] = [await lab.node(A), await lab.node(B)];
    a.speaker.setPeers([peerTo(A, B)]);
    b.speaker.setPeers([peerTo(B, A)]);
    b.speaker.setOriginated([route(BLOCK[B] ?? "")]);
    a.speaker.setOriginated([]);
    lab.advance(1000);
    a.changes.length = 0;
    lab.network.cut(address4(A), address4(B));
    lab.network.kill(address4(B));
    const again = await lab.node(B, { restarting: true });
    again.speaker.setOriginated([route(BLOCK[B] ?? "")]);
    lab.network.heal(address4(A), address4(B));
    again.speaker.setPeers([peerTo(B, A)]);
    lab.advance(1000);
    expect(a.speaker.status()).toMatchObject([{ state: "Established", stale: 0, received: 1 }]);
    expect(a.changes).toEqual([]);
  });
});

describe("RFC 4724 §4.1, the restarting speaker", () => {
  it("is ready when every peer has sent End-of-RIB, after the last route, and not before", async () => {
    const { lab, kill, restart } = await meshUp();
    kill(B);
    lab.advance(500);
    const heardWhenReady: string[][] = [];
    const fresh = await restart(B, { onReady: () => heardWhenReady.push(fresh.routes()) });
    expect(fresh.speaker.ready).toBe(false);
    lab.advance(6000);
    expect(fresh.speaker.ready).toBe(true);
    expect(heardWhenReady).toEqual([[`${BLOCK[A]} via ${A}`, `${BLOCK[C]} via ${C}`]]);
  });

  it("is ready by the deferral timer when a peer does not come: 120 s unless told", async () => {
    const { lab, kill, restart } = await meshUp();
    kill(B);
    kill(C);
    lab.advance(500);
    const fresh = await restart(B);
    lab.advance(119_000);
    expect([fresh.speaker.ready, fresh.readyCalls.count]).toEqual([false, 0]);
    lab.advance(1500);
    expect([fresh.speaker.ready, fresh.readyCalls.count]).toEqual([true, 1]);
  });

  it("reports routes and announces its own while it waits: one dead node does not hold up the others", async () => {
    const { lab, node, kill, restart } = await meshUp();
    kill(B);
    kill(C);
    const fresh = await restart(B);
    lab.advance(3000);
    expect(fresh.routes()).toEqual([`${BLOCK[A]} via ${A}`]);
    fresh.speaker.announce(route("10.244.2.64/26"));
    lab.advance(100);
    expect(node(A).routes()).toContain(`10.244.2.64/26 via ${B}`);
    expect(fresh.speaker.ready).toBe(false);
  });

  it("does not wait for a peer that is no longer configured", async () => {
    const { lab, kill, restart } = await meshUp();
    kill(B);
    kill(C);
    const fresh = await restart(B);
    lab.advance(3000);
    fresh.speaker.setPeers(mesh(B, [A, B]));
    lab.advance(100);
    expect(fresh.speaker.ready).toBe(true);
  });

  it("judges by the whole new list when peers change, not by those in common", async () => {
    const { lab, kill, restart } = await meshUp();
    kill(B);
    kill(C);
    const fresh = await restart(B);
    // C is there but has not sent its End-of-RIB.
    const silent = await lab.node(C);
    silent.speaker.setPeers(mesh(C, ALL));
    lab.advance(3000);
    expect(statusOf(fresh, C)).toMatchObject({ state: "Established" });
    expect(fresh.speaker.ready).toBe(false);
    fresh.speaker.setPeers(mesh(B, [A, B, "192.168.0.83"]));
    lab.advance(3000);
    expect(fresh.speaker.ready).toBe(false);
  });

  it("does not wait for a peer that does not take part", async () => {
    const lab = createLab();
    const [a, b] = [await lab.node(A), await lab.node(B, { restarting: true })];
    a.speaker.setPeers([peerTo(A, B, { gracefulRestart: { mode: "off" } })]);
    b.speaker.setPeers([peerTo(B, A)]);
    lab.advance(1000);
    expect(b.speaker.ready).toBe(true);
  });

  it("all restarting at once: nobody waits for the timer, and all learn all before they are ready", async () => {
    const { lab, kill, restart } = await meshUp();
    for (const ip of ALL) kill(ip);
    const atReady = new Map<string, number>();
    for (const ip of ALL) {
      const fresh: Node = await restart(ip, { onReady: () => atReady.set(ip, fresh.routes().length) });
    }
    lab.advance(6000);
    expect(Object.fromEntries(atReady)).toEqual({ [A]: 2, [B]: 2, [C]: 2 });
  });

  it("sets the restart flag in its OPENs while it waits, and no longer", async () => {
    const lab = createLab();
    const [a, b] = [await lab.node(A), await lab.node(B, { restarting: true, selectionDeferralS: 5 })];
    b.speaker.setOriginated([]);
    b.speaker.setPeers(mesh(B, ALL));
    a.speaker.setPeers([peerTo(A, B)]);
    a.speaker.setOriginated([]);
    lab.advance(2000);
    // A waits for nobody; B waits for C, which never comes.
    expect([a.speaker.ready, b.speaker.ready]).toEqual([true, false]);
    const late = await lab.node(C, { restarting: true });
    lab.advance(4000);
    expect(b.speaker.ready).toBe(true);
    late.speaker.setOriginated([]);
    late.speaker.setPeers([peerTo(C, B)]);
    lab.advance(1000);
    // B no longer says that it is restarting, so C waited for its End-of-RIB and got it.
    expect(late.speaker.ready).toBe(true);
  });

  it("does not announce what it learned until it has selected, and sends End-of-RIB only then", async () => {
    const lab = createLab();
    const external = { remoteAs: 64600, gracefulRestart: { restartTimeS: 60 } };
    const left = await lab.node("10.0.0.1", { localAs: 64600 });
    const middle = await lab.node("10.0.0.2", { restarting: true });
    const right = await lab.node("10.0.0.3", { localAs: 64700 });
    left.speaker.setOriginated([route("172.16.0.0/16")]);
    left.speaker.setPeers([peerTo("10.0.0.1", "10.0.0.2", { remoteAs: 64512 })]);
    right.speaker.setOriginated([]);
    right.speaker.setPeers([peerTo("10.0.0.3", "10.0.0.2", { remoteAs: 64512 })]);
    middle.speaker.setOriginated([route("172.17.0.0/16")]);
    middle.speaker.setPeers([
      peerTo("10.0.0.2", "10.0.0.1", external),
      peerTo("10.0.0.2", "10.0.0.3", { remoteAs: 64700 }),
      peerTo("10.0.0.2", "10.0.0.4", { remoteAs: 64800 }),
    ]);
    lab.advance(2000);
    expect(middle.routes()).toEqual(["172.16.0.0/16 via 10.0.0.1"]);
    expect(right.routes()).toEqual(["172.17.0.0/16 via 10.0.0.2"]);
    lab.advance(120_000);
    expect(right.routes()).toEqual(["172.16.0.0/16 via 10.0.0.2", "172.17.0.0/16 via 10.0.0.2"]);
  });
});

describe("RFC 4724 §2 End-of-RIB", () => {
  it("is sent by every speaker after its initial routes, once", async () => {
    const { node } = await meshUp();
    // One UPDATE with the block, one End-of-RIB.
    for (const ip of ALL) expect(node(ip).speaker.status()).toMatchObject([{ updatesOut: 2 }, { updatesOut: 2 }]);
  });

  it("comes after the last route, also of a table that takes several turns to send", async () => {
    const lab = createLab();
    const sent: Uint8Array[] = [];
    const dialler = await lab.node(C, { transport: recording(lab.network.host(address4(C)), sent) });
    const listener = await lab.node(A);
    dialler.speaker.setPeers([peerTo(C, A)]);
    listener.speaker.setPeers([peerTo(A, C)]);
    lab.advance(1000);
    dialler.speaker.setOriginated(
      Array.from({ length: 5000 }, (_, n) => route(`172.${16 + (n >> 8)}.${n & 255}.0/24`)),
    );
    lab.advance(1000);
    expect(listener.routes()).toHaveLength(5000);
    const context = { ...DEFAULT_CONTEXT, maxMessage: MAX_EXTENDED_MESSAGE };
    const updates = sent.map((bytes) => decodeOne(bytes, context)).filter((message) => message.type === "update");
    expect(updates.map(({ endOfRib }) => endOfRib !== undefined)).toEqual(
      updates.map((_, n) => n === updates.length - 1),
    );
  });

  it("is not sent before the owner has declared its routes", async () => {
    const lab = createLab();
    const [a, b] = [await lab.node(A), await lab.node(B)];
    a.speaker.setPeers([peerTo(A, B)]);
    b.speaker.setPeers([peerTo(B, A)]);
    b.speaker.announce(route(BLOCK[B] ?? ""));
    lab.advance(1000);
    expect(b.speaker.status()).toMatchObject([{ updatesOut: 1 }]);
    b.speaker.setOriginated([route(BLOCK[B] ?? "")]);
    lab.advance(100);
    expect(b.speaker.status()).toMatchObject([{ updatesOut: 2 }]);
  });
});

/** The transport, with a copy of all that is sent on connections it dials. */
function recording(transport: Transport, sent: Uint8Array[]): Transport {
  return {
    listen: (options, onConnection) => transport.listen(options, onConnection),
    connect: (options, onConnected, onFailed) =>
      transport.connect(
        options,
        (connection) => {
          onConnected({
            local: connection.local,
            remote: connection.remote,
            queued: 0,
            handle: (handlers) => connection.handle(handlers),
            send: (bytes) => {
              sent.push(bytes);
              return connection.send(bytes);
            },
            close: () => connection.close(),
            reset: () => connection.reset(),
          });
        },
        onFailed,
      ),
  };
}
