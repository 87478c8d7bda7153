import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RouterBird, startBird } from "./support/bird.ts";
import { eventually, OCICAT, pingCounts, program, TestLab } from "./support/lab.ts";
import { TWO_RACKS } from "./support/racks.ts";
import { SteadyPing } from "./support/steady-ping.ts";

/** The router has two networks, of a pool of its own. */
const ROUTER = `
router id 10.0.1.1;
protocol device { }
protocol static { ipv4; route 10.99.0.64/26 blackhole; route 10.99.0.128/26 blackhole; }
template bgp nodes {
  local as 65000; error wait time 1, 2; connect delay time 1; connect retry time 1;
  ipv4 { import all; export all; };
}
protocol bgp node1 from nodes { neighbor 10.0.1.11 as 64512; }
protocol bgp node2 from nodes { neighbor 10.0.1.12 as 64512; }
`;

/**
 * What an operator asks of BGP, and sees of it, whoever does it. Of the agent's own speaker other files show the same and
 * more, so that both are gone through where that is asked for: npm test -- backends.
 */
const BACKENDS = process.env["OCICAT_E2E_BACKENDS"]?.split(",") ?? ["bird"];

describe.each(BACKENDS)("BGP by %s", (daemon) => {
  const lab = new TestLab(TWO_RACKS, program(daemon));
  const files = mkdtempSync(join(tmpdir(), "oct-backend-"));
  let router: RouterBird | undefined;

  beforeAll(async () => {
    await lab.up();
    // Of the router's networks. No pod gets an address of it.
    apply("IPPool", "outside", { cidr: "10.99.0.0/24", disabled: true });
    router = await startBird(lab, "tor", ROUTER);
  });
  afterAll(async () => {
    await router?.stop();
    rmSync(files, { recursive: true, force: true });
    expect(await lab.down()).toEqual([]);
  });

  function apply(kind: string, name: string, spec: object): void {
    const path = join(files, `${kind}-${name}.json`);
    writeFileSync(path, JSON.stringify({ apiVersion: "projectcalico.org/v3", kind, metadata: { name }, spec }));
    const { code, stderr } = lab.ocicat("apply", "-f", path);
    expect({ code, stderr }).toMatchObject({ code: 0 });
  }

  const up = (node: string, wanted: readonly string[]) =>
    eventually(
      () => lab.sessions(node).then((all) => JSON.stringify(all)),
      (all) => all === JSON.stringify([...wanted].sort()),
      40_000,
    );

  const route = (node: string, wanted: RegExp, ms?: number) =>
    eventually(
      () => lab.out(node, "ip", "route"),
      (text) => wanted.test(text),
      ms,
    );

  const atRouter = (session: string, wanted: (text: string) => boolean) =>
    eventually(() => router?.ask(`show route protocol ${session} all`) ?? "", wanted, 30_000);

  const reaches = (from: string, to: string) =>
    eventually(
      async () => pingCounts((await lab.exec(from, "ping", "-c", "1", "-W", "1", lab.address(to))).stdout).received,
      (received) => received === 1,
    );

  it("has the mesh, and pods of one segment reach each other without a tunnel", async () => {
    await up("node1", ["10.0.1.12 node-to-node mesh Established", "10.0.2.13 node-to-node mesh Established"]);
    await route("node1", new RegExp(`^${lab.block("pod2")} via 10\\.0\\.1\\.12 dev \\S+ proto bird`, "m"));
    await reaches("pod1", "pod2");
  });

  it("has a router for a peer, through a filter: what is told, with what, and what is taken", async () => {
    apply("BGPFilter", "edge", {
      importV4: [{ action: "Reject", matchOperator: "Equal", cidr: "10.99.0.64/26" }],
      exportV4: [
        { action: "Reject", source: "RemotePeers" },
        { action: "Reject", matchOperator: "In", cidr: "10.98.0.0/16" },
        {
          action: "Accept",
          matchOperator: "In",
          cidr: "10.244.0.0/16",
          // BIRD knows the pods' own routes, too.
          prefixLength: { max: 26 },
          operations: [{ addCommunity: { value: "64512:1:2" } }, { prependASPath: { prefix: [64599] } }],
        },
      ],
    });
    for (const node of ["node1", "node2"])
      apply("BGPPeer", `tor-${node}`, { peerIP: "10.0.1.1", asNumber: 65000, node, filters: ["edge"] });
    const told = await atRouter("node1", (text) => text.includes("BGP.large_community"));
    expect(told).toContain(lab.block("pod1"));
    expect(told).toContain("BGP.as_path: 64512 64599");
    expect(told).toContain("(64512, 1, 2)");
    // Blocks as a whole, not pods one by one; pod2's only from the node that has it.
    expect(told).not.toContain("/32");
    expect(told).not.toContain(lab.block("pod2"));
    const kernel = await route("node1", /^10\.99\.0\.128\/26 via 10\.0\.1\.1 dev \S+ proto bird/m, 30_000);
    expect(kernel).not.toContain("10.99.0.64/26");
  });

  it("takes a filter up that changes, on the session that is there", async () => {
    const since = () => /^node1 +BGP +--- +up +(\S+)/m.exec(router?.ask("show protocols node1") ?? "")?.[1];
    const before = since();
    expect(before).toBeDefined();
    apply("BGPFilter", "edge", { exportV4: [{ action: "Reject", source: "RemotePeers" }] });
    await route("node1", /^10\.99\.0\.64\/26 via 10\.0\.1\.1 /m, 30_000);
    await atRouter("node1", (text) => text.includes(lab.block("pod1")) && !text.includes("large_community"));
    expect(since()).toBe(before);
  });

  it("announces services' ranges, with the communities that prefixes are advertised with", async () => {
    apply("BGPConfiguration", "default", {
      serviceClusterIPs: [{ cidr: "10.96.0.0/16" }],
      prefixAdvertisements: [{ cidr: "10.96.0.0/16", communities: ["64512:77"] }],
    });
    const told = await atRouter("node2", (text) => text.includes("10.96.0.0/16") && text.includes("(64512,77)"));
    expect(told).toContain(lab.block("pod2"));
  });

  it("loses no packet when an agent is killed and begins again", async () => {
    const pings = [new SteadyPing(lab, "pod1", lab.address("pod2")), new SteadyPing(lab, "pod2", lab.address("pod1"))];
    for (const ping of pings) await ping.answered(20);
    const before = await lab.out("node1", "ip", "route");
    await lab.lab.kill("agent-node1");
    await eventually(
      () => lab.sessions("node2"),
      (all) => all.some((one) => /^10\.0\.1\.11 .* (?!Established)\S+$/.test(one)),
      30_000,
    );
    expect(await lab.out("node1", "ip", "route")).toBe(before);
    await lab.withCommand(["env", `OCICAT_BGP_DAEMON=${daemon}`, process.execPath, OCICAT]).restartAgent("node1");
    await eventually(
      () => lab.sessions("node1"),
      (all) => all.filter((one) => one.endsWith(" Established")).length === 3,
      60_000,
    );
    for (const ping of pings) await ping.answered(50);
    for (const ping of pings) expect((await ping.stop()).missing).toEqual([]);
    await eventually(
      () => lab.out("node1", "ip", "route"),
      (text) => text === before,
      30_000,
    );
  });

  it("sends by a tunnel across subnets, and without one within", async () => {
    apply("IPPool", "plain", { cidr: "10.244.0.0/16", natOutgoing: true, vxlanMode: "CrossSubnet" });
    await route("node1", new RegExp(`^${lab.block("pod3")} via \\S+ dev vxlan\\.calico onlink`, "m"), 30_000);
    await route("node1", new RegExp(`^${lab.block("pod2")} via 10\\.0\\.1\\.12 dev (?!vxlan)\\S+ `, "m"));
    await reaches("pod1", "pod3");
    await reaches("pod3", "pod2");
  });

  it("has a reflector in the mesh's place", async () => {
    const patch = JSON.stringify({
      metadata: { labels: { reflector: "yes" } },
      spec: { bgp: { routeReflectorClusterID: "224.0.0.1" } },
    });
    expect(lab.ocicat("patch", "node", "node2", "-p", patch).code).toBe(0);
    apply("BGPPeer", "reflector", { nodeSelector: "!has(reflector)", peerSelector: "reflector == 'yes'" });
    apply("BGPConfiguration", "default", { nodeToNodeMeshEnabled: false });
    await up("node3", ["10.0.1.12 node specific Established"]);
    await up("node1", ["10.0.1.1 node specific Established", "10.0.1.12 node specific Established"]);
    await reaches("pod1", "pod3");
    await reaches("pod2", "pod1");
  });
});
