import { parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { createSpeaker, type PeerConfig, type Policy, reject } from "../../src/index.ts";
import { address4, createLab, type Lab, type Node, peerTo, route } from "../support/lab.ts";

const A = "10.0.0.1";
const B = "10.0.0.2";

async function pair(extra: Partial<PeerConfig> = {}) {
  const lab = createLab();
  const [a, b] = [await lab.node(A), await lab.node(B)];
  a.speaker.setOriginated([route("172.16.1.0/24"), route("172.16.2.0/24")]);
  b.speaker.setOriginated([route("172.17.0.0/24")]);
  a.speaker.setPeers([peerTo(A, B, extra)]);
  b.speaker.setPeers([peerTo(B, A)]);
  lab.advance(1000);
  return { lab, a, b };
}

function since({ speaker }: Node): number | undefined {
  return speaker.status()[0]?.since;
}

/** Applies a change to a's peer and reports whether the session survived it. */
async function survives(change: Partial<PeerConfig>): Promise<boolean> {
  const { lab, a } = await pair();
  const before = since(a);
  lab.advance(1000);
  a.speaker.setPeers([peerTo(A, B, change)]);
  lab.advance(1000);
  return since(a) === before;
}

describe("setPeers", () => {
  it.each([
    ["nothing", {}],
    ["who dials", { passive: false }],
    ["the port to dial", { remotePort: 1179 }],
    ["timers", { timers: { redialMaxMs: 1000 } }],
    ["the stale path time", { gracefulRestart: { stalePathTimeS: 10 } }],
    ["policies", { importPolicy: () => reject("test"), exportPolicy: () => reject("test") }],
    ["the next hop mode", { nextHopMode: "self" }],
  ] as const)("keeps the session when %s changes", async (_what, change) => {
    expect(await survives(change)).toBe(true);
  });

  it.each([
    ["the hold time", { holdTimeS: 30 }],
    ["the families", { families: [4, 6] }],
    ["the restart time", { gracefulRestart: { restartTimeS: 5 } }],
    ["the local address", { localAddress: undefined }],
    ["the password", { security: { password: "secret" } }],
  ] as const)("starts a new session when %s changes", async (_what, change) => {
    expect(await survives(change)).toBe(false);
  });

  it("tells the peer why: Other Configuration Change, and comes back", async () => {
    const { lab, a, b } = await pair();
    a.speaker.setPeers([peerTo(A, B, { holdTimeS: 30 })]);
    lab.advance(500);
    expect(b.speaker.status()[0]?.lastError).toBe("received Cease: Other Configuration Change");
    lab.advance(3000);
    expect(b.speaker.status()).toMatchObject([{ state: "Established", negotiated: { holdTimeS: 30 } }]);
  });

  it("gives an address to another name in one call", async () => {
    const { lab, a } = await pair();
    a.speaker.setPeers([{ ...peerTo(A, B), name: "renamed" }]);
    lab.advance(3000);
    expect(a.speaker.status()).toMatchObject([{ name: "renamed", state: "Established" }]);
  });

  it.each([
    [
      "a name twice",
      [peerTo(A, B), peerTo(A, "10.0.0.3", { name: "Mesh_10_0_0_2" })],
      "the name is taken by another peer",
    ],
    [
      "an address twice",
      [peerTo(A, B), peerTo(A, B, { name: "other" })],
      "10.0.0.2 is the address of peer Mesh_10_0_0_2 too",
    ],
    ["AS 0", [peerTo(A, B, { remoteAs: 0 })], "AS 0 is not from 1 to 4294967295"],
    ["a hold time of 2 s", [peerTo(A, B, { holdTimeS: 2 })], "a hold time of 2 s"],
    ["no families", [peerTo(A, B, { families: [] })], "no address family"],
    ["a port of 0", [peerTo(A, B, { remotePort: 0 })], "port 0"],
    [
      "a restart time beyond 12 bits",
      [peerTo(A, B, { gracefulRestart: { restartTimeS: 4096 } })],
      "a restart time of 4096 s",
    ],
    ["a keepalive time of 0", [peerTo(A, B, { keepaliveS: 0 })], "a keepalive time of 0 s"],
  ])("refuses %s whole, and leaves the peers as they were", async (_what, configs, message) => {
    const { a } = await pair();
    const before = a.speaker.status();
    expect(() => a.speaker.setPeers(configs)).toThrow(expect.objectContaining({ code: "BGP_PEER_INVALID" }));
    expect(() => a.speaker.setPeers(configs)).toThrow(message);
    expect(a.speaker.status()).toEqual(before);
  });
});

describe("policies", () => {
  const onlyFirst: Policy = ({ prefix }) =>
    String(prefix) === "172.16.1.0/24" ? { accept: true } : reject("only the first");

  it("an import policy applied later takes away what it refuses, and explains itself; taken back, all is there again", async () => {
    const { lab, b } = await pair();
    b.speaker.setPeers([peerTo(B, A, { importPolicy: onlyFirst })]);
    lab.advance(10);
    expect(b.routes()).toEqual(["172.16.1.0/24 via 10.0.0.1"]);
    expect(b.speaker.status()).toMatchObject([{ received: 2, accepted: 1 }]);
    expect(b.speaker.explain(parsePrefix("172.16.2.0/24")).paths).toMatchObject([
      { verdict: "refused", why: "only the first" },
    ]);
    b.speaker.setPeers([peerTo(B, A)]);
    lab.advance(10);
    expect(b.routes()).toHaveLength(2);
  });

  it("an import policy may change what it lets in", async () => {
    const { lab, b } = await pair();
    const importPolicy: Policy = ({ attributes }) => ({ accept: true, attributes: { ...attributes, localPref: 7 } });
    b.speaker.setPeers([peerTo(B, A, { importPolicy })]);
    lab.advance(10);
    expect([...b.speaker.routes()].map(({ attributes }) => attributes.localPref)).toEqual([7, 7]);
  });

  it("an export policy applied later withdraws what it refuses and nothing else, in one UPDATE", async () => {
    const { lab, a, b } = await pair();
    const heard = b.speaker.status()[0]?.updatesIn ?? 0;
    b.changes.length = 0;
    a.speaker.setPeers([peerTo(A, B, { exportPolicy: onlyFirst })]);
    lab.advance(10);
    expect(b.routes()).toEqual(["172.16.1.0/24 via 10.0.0.1"]);
    expect(b.changes.map(({ prefix, best }) => `${prefix} ${best === undefined ? "gone" : "new"}`)).toEqual([
      "172.16.2.0/24 gone",
    ]);
    expect((b.speaker.status()[0]?.updatesIn ?? 0) - heard).toBe(1);
    expect(a.speaker.status()).toMatchObject([{ advertised: 1 }]);
  });

  it("an export policy may tell external peers of different ASs apart", async () => {
    const lab = createLab();
    const exportPolicy: Policy = (_route, { remoteAs }) =>
      remoteAs === 64601 ? { accept: true } : reject("not for them");
    const a = await lab.node(A);
    const peers = [
      { ip: "10.0.0.2", as: 64601 },
      { ip: "10.0.0.3", as: 64602 },
    ];
    a.speaker.setOriginated([route("172.16.1.0/24")]);
    a.speaker.setPeers(peers.map(({ ip, as }) => peerTo(A, ip, { remoteAs: as, exportPolicy })));
    const others: Node[] = [];
    for (const { ip, as } of peers) {
      const other = await lab.node(ip, { localAs: as });
      other.speaker.setPeers([peerTo(ip, A)]);
      others.push(other);
    }
    lab.advance(1000);
    expect(others.map((other) => other.routes().length)).toEqual([1, 0]);
  });

  it("a route whose next hop is this speaker's end of the session is refused, also where that was not configured", async () => {
    const { b, lab, a } = await pair({ localAddress: undefined });
    b.speaker.announce(route("172.18.0.0/24", { attributes: { nextHop: address4(A) } }));
    lab.advance(10);
    expect(a.routes()).toEqual(["172.17.0.0/24 via 10.0.0.2"]);
    expect(a.speaker.explain(parsePrefix("172.18.0.0/24")).paths).toMatchObject([
      { verdict: "refused", why: "next hop 10.0.0.1 is this speaker's" },
    ]);
  });
});

describe("AS numbers", () => {
  const PREFIX = parsePrefix("172.17.0.0/24");
  const external = { remoteAs: 64513 };

  it("of our own may be another towards a peer, and stands in the AS_PATH there", async () => {
    const lab = createLab();
    const [a, b] = [await lab.node(A), await lab.node(B)];
    a.speaker.setOriginated([route("172.17.0.0/24")]);
    a.speaker.setPeers([peerTo(A, B, { localAs: 64999 })]);
    b.speaker.setPeers([peerTo(B, A, { remoteAs: 64999 })]);
    lab.advance(1000);
    const [path] = b.speaker.explain(PREFIX).paths;
    expect(path?.attributes.asPath).toEqual([{ type: "sequence", asns: [64999] }]);
  });

  it("of our own in a peer's AS_PATH is a loop, but as often as is allowed", async () => {
    const lab = createLab();
    const [a, b] = [await lab.node(A), await lab.node(B, { localAs: 64513 })];
    b.speaker.setOriginated([
      route("172.17.0.0/24", { attributes: { asPath: [{ type: "sequence", asns: [64512] }] } }),
    ]);
    a.speaker.setPeers([peerTo(A, B, external)]);
    b.speaker.setPeers([peerTo(B, A)]);
    lab.advance(1000);
    const verdict = () => a.speaker.explain(PREFIX).paths[0]?.verdict;
    expect(verdict()).toBe("refused");
    const established = since(a);
    a.speaker.setPeers([peerTo(A, B, { ...external, allowedOwnAs: 1 })]);
    lab.advance(1);
    expect(verdict()).toBe("best");
    expect(since(a)).toBe(established);
  });

  it.each([
    [{ localAs: 0 }, "own AS 0 is not from 1"],
    [{ allowedOwnAs: -1 }, "our own AS -1 times"],
  ])("%j is refused", async (extra, what) => {
    const lab = createLab();
    const { speaker } = await lab.node(A);
    expect(() => speaker.setPeers([peerTo(A, B, extra)])).toThrow(what);
  });
});

describe("next hops that cannot be reached", () => {
  it("the owner is told of the route that is not used, and it is passed on to nobody", async () => {
    const lab = createLab();
    let reachable = false;
    const a = await lab.node(A, { localAs: 64513, resolveNextHop: () => ({ reachable, metric: 0 }) });
    const [b, c] = [await lab.node(B), await lab.node("10.0.0.3", { localAs: 64514 })];
    b.speaker.setOriginated([route("172.17.0.0/24")]);
    a.speaker.setPeers([peerTo(A, B), peerTo(A, "10.0.0.3", { remoteAs: 64514 })]);
    b.speaker.setPeers([peerTo(B, A, { remoteAs: 64513 })]);
    c.speaker.setPeers([peerTo("10.0.0.3", A, { remoteAs: 64513 })]);
    lab.advance(1000);
    expect(a.changes).toMatchObject([
      {
        best: undefined,
        unreachable: {
          peer: "Mesh_10_0_0_2",
          nextHops: [{ address: address4(B), link: undefined }],
          why: "next hop is not reachable",
        },
      },
    ]);
    expect(c.routes()).toEqual([]);
    reachable = true;
    a.speaker.nextHopsChanged();
    // Reported before it returns; passed on in a turn of its own.
    expect(a.changes.at(-1)).toMatchObject({ best: { peer: "Mesh_10_0_0_2" }, unreachable: undefined });
    lab.advance(10);
    expect(c.routes()).toEqual([`172.17.0.0/24 via ${A}`]);
    reachable = false;
    a.speaker.nextHopsChanged([address4(B)]);
    lab.advance(10);
    expect(a.changes.at(-1)).toMatchObject({ best: undefined, unreachable: { peer: "Mesh_10_0_0_2" } });
    expect(c.routes()).toEqual([]);
    b.speaker.withdraw(parsePrefix("172.17.0.0/24"));
    lab.advance(10);
    expect(a.changes.at(-1)).toMatchObject({ best: undefined, unreachable: undefined });
  });
});

describe("status", () => {
  it("says who the peer is, since when, and how many routes go which way", async () => {
    const { a, lab } = await pair();
    expect(a.speaker.status()).toEqual([
      {
        name: "Mesh_10_0_0_2",
        remoteAddress: address4(B),
        remoteAs: 64512,
        state: "Established",
        since: expect.any(Number) as number,
        info: "Established",
        trouble: undefined,
        lastError: undefined,
        negotiated: {
          routerId: address4(B),
          holdTimeS: 90,
          keepaliveS: 30,
          families: [4],
          fourOctetAs: true,
          routeRefresh: true,
          enhancedRefresh: true,
          gracefulRestart: true,
          restartTimeS: 120,
          restartsAfterNotification: false,
          longLived: [],
          addPath: {},
          maxMessage: 4096,
          extendedNextHop: [],
          role: undefined,
        },
        received: 1,
        accepted: 1,
        advertised: 2,
        stale: 0,
        updatesIn: 2,
        updatesOut: 2,
      },
    ]);
    const age = lab.clock.now() - (since(a) ?? 0);
    expect(age).toBeGreaterThan(900);
    expect(age).toBeLessThanOrEqual(1000);
  });

  it("says why there is no session", async () => {
    const lab = createLab();
    const a = await lab.node("10.0.0.9");
    a.speaker.setPeers([peerTo("10.0.0.9", B)]);
    expect(a.speaker.status()).toMatchObject([{ state: "Connect", info: "Connect", lastError: undefined }]);
    lab.advance(50);
    const trouble = { kind: "refused", text: "connection refused" };
    expect(a.speaker.status()).toMatchObject([{ state: "Active", info: "connection refused", trouble }]);
    a.speaker.setPeers([]);
    expect(a.speaker.status()).toEqual([]);
  });

  it("reports each change of state with its reason", async () => {
    const lab = createLab();
    const states: string[] = [];
    const a = await lab.node(A, { onPeerState: (peer, state, info) => states.push(`${peer} ${state}: ${info}`) });
    const b = await lab.node(B);
    a.speaker.setPeers([peerTo(A, B)]);
    b.speaker.setPeers([peerTo(B, A)]);
    lab.advance(100);
    await b.speaker.stop();
    lab.advance(10);
    expect(states).toEqual([
      "Mesh_10_0_0_2 Active: Active",
      "Mesh_10_0_0_2 OpenSent: OpenSent",
      "Mesh_10_0_0_2 OpenConfirm: OpenConfirm",
      "Mesh_10_0_0_2 Established: Established",
      "Mesh_10_0_0_2 Active: received Cease: Administrative Shutdown",
    ]);
  });
});

describe("connections", () => {
  it("from an address that is no peer's are told so and closed", async () => {
    const lab = createLab();
    const a = await lab.node(A);
    const stranger = await lab.node("10.9.9.9");
    stranger.speaker.setPeers([peerTo("10.9.9.9", A, { passive: false })]);
    a.speaker.setPeers([]);
    lab.advance(100);
    expect(a.warnings).toEqual([expect.stringContaining("10.9.9.9")]);
    expect(stranger.speaker.status()[0]?.lastError).toBe("received Cease: Connection Rejected");
  });

  it("dialled by both sides at once end in one session, whoever has the larger identifier", async () => {
    for (const [left, right] of [
      [A, B],
      [B, A],
    ] as const) {
      const lab = createLab();
      const [one, two] = [await lab.node(left), await lab.node(right)];
      one.speaker.setOriginated([route("172.16.0.0/24")]);
      two.speaker.setOriginated([]);
      one.speaker.setPeers([peerTo(left, right, { passive: false })]);
      two.speaker.setPeers([peerTo(right, left, { passive: false })]);
      lab.advance(8000);
      expect(lab.network.connections).toBe(1);
      expect(two.routes()).toEqual([`172.16.0.0/24 via ${left}`]);
      expect([one, two].map(({ speaker }) => speaker.status()[0]?.state)).toEqual(["Established", "Established"]);
    }
  });

  it("that are reset are dialled again at once", async () => {
    const { lab, a, b } = await pair();
    lab.network.reset(address4(A), address4(B));
    expect(a.speaker.status()).toMatchObject([{ lastError: "connection reset by peer", stale: 1 }]);
    lab.advance(300);
    expect([a, b].map(({ speaker }) => speaker.status()[0]?.state)).toEqual(["Established", "Established"]);
  });

  it("start rejects with what the transport says when the port is taken, and works once it is free", async () => {
    const lab = createLab();
    const first = await lab.node(A);
    await expect(lab.node(A)).rejects.toMatchObject({ code: "BGP_PORT_TAKEN" });
    await first.speaker.stop();
    await expect(lab.node(A)).resolves.toBeDefined();
  });
});

describe("createSpeaker refuses", () => {
  const make = (lab: Lab, extra: object) => () =>
    createSpeaker({
      clock: lab.clock,
      random: { uint32: () => 0 },
      logger: console as never,
      transport: lab.network.host(address4(A)),
      localAs: 64512,
      routerId: address4(A),
      ...extra,
    });

  it("an identifier of zero", () => {
    expect(make(createLab(), { routerId: address4("0.0.0.0") })).toThrow("the BGP identifier is 0.0.0.0");
  });

  it.each([0, -1, 1.5, 2 ** 32])("AS %s", (localAs) => {
    expect(make(createLab(), { localAs })).toThrow(`AS ${localAs} is not from 1 to 4294967295`);
  });
});

describe("own routes", () => {
  it("declared twice are refused whole", async () => {
    const { a } = await pair();
    const twice = [route("172.18.0.0/24", { origin: "first" }), route("172.18.0.0/24", { origin: "second" })];
    expect(() => a.speaker.setOriginated(twice)).toThrow(
      '172.18.0.0/24 is to be announced twice (for "first" and for "second")',
    );
    expect(a.speaker.status()).toMatchObject([{ advertised: 2 }]);
  });

  it("replace what was declared before: one UPDATE of withdrawals, one of what is new", async () => {
    const { lab, a, b } = await pair();
    const before = a.speaker.status()[0]?.updatesOut ?? 0;
    a.speaker.setOriginated([route("172.16.2.0/24"), route("172.16.3.0/24"), route("172.16.4.0/24")]);
    lab.advance(10);
    expect(b.routes()).toEqual([2, 3, 4].map((n) => `172.16.${n}.0/24 via 10.0.0.1`));
    expect(a.speaker.status()[0]?.updatesOut).toBe(before + 2);
  });

  it("take a prefix over from a peer: the owner hears that the learned route is gone, and why", async () => {
    const { lab, a } = await pair();
    a.changes.length = 0;
    a.speaker.announce(route("172.17.0.0/24", { origin: "moved here" }));
    lab.advance(10);
    expect(a.changes).toMatchObject([{ best: undefined }]);
    expect(a.speaker.explain(parsePrefix("172.17.0.0/24")).paths).toMatchObject([
      { origin: "moved here", verdict: "best", why: "own route" },
      { peer: "Mesh_10_0_0_2", verdict: "lost", why: "own route" },
    ]);
    a.speaker.withdraw(parsePrefix("172.17.0.0/24"));
    lab.advance(10);
    expect(a.routes()).toEqual(["172.17.0.0/24 via 10.0.0.2"]);
  });
});

describe("a peer under another name", () => {
  it("keeps its session and its routes, if nothing else is wanted of it that the session depends on", async () => {
    const { lab, a } = await pair();
    const [before] = a.speaker.status();
    a.changes.length = 0;
    a.speaker.setPeers([peerTo(A, B, { name: "Global_10_0_0_2" })]);
    lab.advance(10);
    expect(a.speaker.status()).toMatchObject([{ name: "Global_10_0_0_2", state: "Established", since: before?.since }]);
    expect(a.changes).toEqual([]);
    expect(a.speaker.explain(parsePrefix("172.17.0.0/24")).paths).toMatchObject([{ peer: "Global_10_0_0_2" }]);
  });

  it("begins anew otherwise", async () => {
    const { lab, a } = await pair();
    a.speaker.setPeers([peerTo(A, B, { name: "Global_10_0_0_2", holdTimeS: 30 })]);
    expect(a.speaker.status()[0]?.state).not.toBe("Established");
    lab.advance(10_000);
    expect(a.speaker.status()[0]?.state).toBe("Established");
  });
});
