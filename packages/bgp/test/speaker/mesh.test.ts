import { parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { address4, createLab, type Lab, mesh, type Node, route } from "../support/lab.ts";

const IPS = ["192.168.0.80", "192.168.0.81", "192.168.0.82"] as const;
const [MASTER, NODE1, NODE2] = IPS;
const MASTER_ADDRESS = address4(MASTER);
const NODE1_ADDRESS = address4(NODE1);
const NODE3 = "192.168.0.83";
const BLOCKS: Readonly<Record<string, string>> = {
  [MASTER]: "10.244.152.128/26",
  [NODE1]: "10.244.42.64/26",
  [NODE2]: "10.244.103.64/26",
  [NODE3]: "10.244.7.0/26",
};

interface Mesh {
  readonly lab: Lab;
  readonly node: (ip: string) => Node;
  readonly add: (ip: string) => Promise<Node>;
}

async function startMesh(ips: readonly string[] = IPS): Promise<Mesh> {
  const lab = createLab();
  const nodes = new Map<string, Node>();
  const add = async (ip: string) => {
    const node = await lab.node(ip);
    nodes.set(ip, node);
    node.speaker.setOriginated([route(BLOCKS[ip] ?? "")]);
    return node;
  };
  for (const ip of ips) await add(ip);
  for (const [ip, { speaker }] of nodes) speaker.setPeers(mesh(ip, ips));
  const node = (ip: string) => {
    const found = nodes.get(ip);
    if (found === undefined) throw new Error(`no node ${ip}`);
    return found;
  };
  return { lab, node, add };
}

async function convergedMesh(): Promise<Mesh> {
  const started = await startMesh();
  started.lab.advance(1000);
  return started;
}

function blocksVia(ips: readonly string[]): string[] {
  return ips.map((ip) => `${BLOCKS[ip]} via ${ip}`).sort();
}

function updatesOut(node: Node): number[] {
  return node.speaker.status().map((status) => status.updatesOut);
}

function updatesIn(node: Node, from: string): number {
  return node.speaker.status().find(({ name }) => name === `Mesh_${from.replaceAll(".", "_")}`)?.updatesIn ?? 0;
}

describe("a mesh of three speakers", () => {
  it("is up, with every block known everywhere, within 100 ms of its start", async () => {
    const { lab, node } = await startMesh();
    lab.advance(100);
    for (const ip of IPS) {
      expect(node(ip).speaker.status()).toMatchObject([{ state: "Established" }, { state: "Established" }]);
      expect(node(ip).routes()).toEqual(blocksVia(IPS.filter((other) => other !== ip)));
    }
  });

  it("uses one connection for each pair, dialled by the node whose address string is larger", async () => {
    const { lab } = await convergedMesh();
    expect(lab.network.connections).toBe(3);
  });

  it("sends exactly one UPDATE to each peer for one block more, and one for one block less", async () => {
    const { lab, node } = await convergedMesh();
    const before = updatesOut(node(NODE1));
    const heard = updatesIn(node(MASTER), NODE1);
    node(NODE1).speaker.announce(route("10.244.42.128/26"));
    lab.advance(100);
    expect(updatesOut(node(NODE1))).toEqual(before.map((count) => count + 1));
    expect(updatesIn(node(MASTER), NODE1)).toBe(heard + 1);
    expect(node(MASTER).routes()).toContain(`10.244.42.128/26 via ${NODE1}`);

    node(NODE1).speaker.withdraw(parsePrefix("10.244.42.128/26"));
    lab.advance(100);
    expect(updatesOut(node(NODE1))).toEqual(before.map((count) => count + 2));
    expect(node(MASTER).routes()).toEqual(blocksVia([NODE1, NODE2]));
  });

  it("does not pass on to a peer what it learned from another: the mesh is full", async () => {
    const { node } = await convergedMesh();
    for (const ip of IPS) {
      const others = IPS.filter((other) => other !== ip);
      for (const { name } of node(ip).speaker.status()) {
        expect([...node(ip).speaker.advertised(name)].map(({ prefix }) => prefix.toString())).toEqual([BLOCKS[ip]]);
      }
      expect(others).toHaveLength(2);
    }
  });

  it("sends nothing when what is declared does not differ from what is announced", async () => {
    const { lab, node } = await convergedMesh();
    const before = updatesOut(node(NODE1));
    node(NODE1).speaker.setOriginated([route(BLOCKS[NODE1] ?? "")]);
    node(NODE1).speaker.setPeers(mesh(NODE1, IPS));
    node(NODE1).speaker.announce(route("10.244.99.0/26"));
    node(NODE1).speaker.withdraw(parsePrefix("10.244.99.0/26"));
    lab.advance(100);
    expect(updatesOut(node(NODE1))).toEqual(before);
  });

  it("announces a borrowed address as a /32 beside its block", async () => {
    const { lab, node } = await convergedMesh();
    node(NODE2).speaker.announce(route("10.244.42.70/32", { origin: "address borrowed from node1" }));
    lab.advance(100);
    expect(node(MASTER).routes()).toEqual([...blocksVia([NODE1, NODE2]), `10.244.42.70/32 via ${NODE2}`].sort());
  });

  it("packs what changes in one turn into one UPDATE", async () => {
    const { lab, node } = await convergedMesh();
    const before = updatesOut(node(NODE1));
    for (let index = 0; index < 500; index++) {
      node(NODE1).speaker.announce(route(`10.245.${index >> 2}.${(index & 3) * 64}/26`));
    }
    lab.advance(100);
    expect(updatesOut(node(NODE1))).toEqual(before.map((count) => count + 1));
    expect(node(MASTER).routes()).toHaveLength(502);
  });

  it("takes a fourth node in without touching the sessions that are there", async () => {
    const { lab, node, add } = await convergedMesh();
    const since = node(NODE1)
      .speaker.status()
      .map((status) => status.since);
    const all = [...IPS, NODE3];
    const fourth = await add(NODE3);
    fourth.speaker.setPeers(mesh(NODE3, all));
    for (const ip of IPS) node(ip).speaker.setPeers(mesh(ip, all));
    lab.advance(200);
    for (const ip of all) expect(node(ip).routes()).toEqual(blocksVia(all.filter((other) => other !== ip)));
    expect(
      node(NODE1)
        .speaker.status()
        .map((status) => status.since)
        .slice(0, 2),
    ).toEqual(since);
  });

  it("withdraws everywhere what a node announced when the node is taken away", async () => {
    const { lab, node } = await convergedMesh();
    const left = [MASTER, NODE1];
    for (const ip of left) node(ip).speaker.setPeers(mesh(ip, left));
    lab.advance(100);
    expect(node(MASTER).routes()).toEqual(blocksVia([NODE1]));
    expect(node(NODE1).routes()).toEqual(blocksVia([MASTER]));
    expect(node(NODE2).routes()).toEqual([]);
    expect(node(NODE2).speaker.status()).toMatchObject([
      { lastError: expect.stringContaining("Peer De-configured") },
      { lastError: expect.stringContaining("Peer De-configured") },
    ]);
  });

  it("finds a peer that starts late within a fraction of a second, though its first attempts were refused", async () => {
    const lab = createLab();
    const late = [NODE1, NODE2];
    const early = await lab.node(NODE2);
    early.speaker.setOriginated([]);
    early.speaker.setPeers(mesh(NODE2, late));
    lab.advance(700);
    expect(early.speaker.status()).toMatchObject([{ info: "connection refused" }]);
    const second = await lab.node(NODE1);
    second.speaker.setOriginated([route("10.244.42.64/26")]);
    second.speaker.setPeers(mesh(NODE1, late));
    lab.advance(1000);
    expect(early.routes()).toEqual(["10.244.42.64/26 via 192.168.0.81"]);
  });

  it("drops the routes of a peer that stays silent, when the hold time is over", async () => {
    const { lab, node } = await convergedMesh();
    lab.network.cut(MASTER_ADDRESS, NODE1_ADDRESS);
    lab.advance(89_000 - 30_000);
    expect(node(MASTER).routes()).toEqual(blocksVia([NODE1, NODE2]));
    lab.advance(32_000);
    expect(node(MASTER).routes()).toEqual(blocksVia([NODE2]));
    expect(node(MASTER).speaker.status()[0]?.lastError).toContain("Hold Timer Expired");
    lab.network.heal(MASTER_ADDRESS, NODE1_ADDRESS);
    lab.advance(40_000);
    expect(node(MASTER).routes()).toEqual(blocksVia([NODE1, NODE2]));
  });

  it("keeps an idle session for hours", async () => {
    const { lab, node } = await convergedMesh();
    const since = node(NODE1)
      .speaker.status()
      .map((status) => status.since);
    lab.advance(3 * 3600 * 1000);
    expect(
      node(NODE1)
        .speaker.status()
        .map((status) => status.since),
    ).toEqual(since);
  });

  it("is quiet: an idle hour costs keepalives only, and no timer is left when all have stopped", async () => {
    const { lab, node } = await convergedMesh();
    const before = IPS.map((ip) => updatesOut(node(ip)));
    lab.advance(3600 * 1000);
    expect(IPS.map((ip) => updatesOut(node(ip)))).toEqual(before);
    for (const ip of IPS) await node(ip).speaker.stop();
    lab.advance(100);
    expect(lab.clock.waiting()).toEqual([]);
    expect(lab.network.connections).toBe(0);
  });
});
