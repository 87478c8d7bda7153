import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { applyTo } from "./support/apply.ts";
import { type RouterBird, startBird } from "./support/bird.ts";
import { eventually, TestLab } from "./support/lab.ts";
import { ONE_RACK } from "./support/racks.ts";

const lab = new TestLab(ONE_RACK);
let bird: RouterBird | undefined;

const birdConfig = (extra = "") => `
router id 10.0.1.1;
protocol device { }
protocol static { ipv4; route 10.98.0.0/24 blackhole; route 10.99.0.0/24 blackhole { bgp_community.add((65000, 7)); }; }
template bgp nodes {
  local as 65000; ${extra} error wait time 1, 2; connect delay time 1; connect retry time 1;
  ipv4 { import all; export all; };
}
protocol bgp node1 from nodes { neighbor 10.0.1.11 as 64512; }
protocol bgp node2 from nodes { neighbor 10.0.1.12 as 64512; }
`;

beforeAll(async () => {
  await lab.up();
  bird = await startBird(lab, "tor", birdConfig());
  apply("BGPPeer", "tor", { peerIP: "10.0.1.1", asNumber: 65000, filters: ["edge"] });
  apply("BGPFilter", "edge", { importV4: [{ action: "Reject", matchOperator: "In", cidr: "10.98.0.0/16" }] });
});
afterAll(async () => {
  await bird?.stop();
  expect(await lab.down()).toEqual([]);
});

const apply = (kind: string, name: string, spec: object) => applyTo(lab, { kind, name, spec });

/** What the command prints of node1. */
function bgp(...line: string[]): string {
  const { code, stdout, stderr } = lab.ocicat("bgp", ...line);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

const printed = (wanted: RegExp, ...line: string[]) =>
  eventually(
    () => bgp(...line),
    (text) => wanted.test(text),
    20_000,
  );

const established = () => printed(/Global_10_0_1_1 .* Established/, "peers");

/** When BIRD's session with node1 came up. */
function birdSince(): string | undefined {
  return /^node1 +BGP +--- +up +(\S+)/m.exec(bird?.ask("show protocols node1") ?? "")?.[1];
}

describe("ocicat bgp", () => {
  it("peers: the mesh and the router, with what each has told", async () => {
    const text = await established();
    expect(text).toMatch(/Mesh_10_0_1_12 +node2 +64512 +node-to-node mesh +Established/);
    await printed(/Global_10_0_1_1 +10\.0\.1\.1 +65000 +global +Established +\S+ +1\/3 +2\n/, "peers");
    // The third is a block of the other node, which comes back with this AS in its path.
    expect(bgp("peer", "10.0.1.1")).toContain("3 told by it, 1 of them taken, 2 told to it\n");
  });

  it("routes: what the router has told, what a filter has refused, and by which rule", () => {
    const received = bgp("routes", "--received", "10.0.1.1");
    expect(received).toMatch(
      /10\.98\.0\.0\/24 +10\.0\.1\.1 +Global_10_0_1_1 +65000 .*refused +BGPFilter edge importV4\[0\]\n/,
    );
    expect(received).toMatch(/10\.99\.0\.0\/24 +10\.0\.1\.1 +Global_10_0_1_1 +65000 .*best +only path\n/);
    expect(received).toMatch(/refused +AS 64512, this speaker's, is in AS_PATH\n/);
    expect(bgp("routes", "--advertised", "10.0.1.1")).toContain(lab.block("pod1"));
  });

  it("why: every path to a block, and what each peer is told of it", () => {
    const why = bgp("why", lab.address("pod2"));
    expect(why).toContain(`this one: ${lab.block("pod2")}\n  * from Mesh_10_0_1_12, next hop 10.0.1.12\n      best: `);
    expect(why).toContain("Mesh_10_0_1_12: no, learned from this peer");
    expect(why).toMatch(/Global_10_0_1_1: yes, nothing keeps it back; .*AS_PATH: 64512.*MULTI_EXIT_DISC: 100/);
  });

  it("log: when the sessions came up", () => {
    expect(bgp("log")).toMatch(/ {2}Global_10_0_1_1 {2}Established\n/);
  });
});

describe("a BGPFilter that changes", () => {
  it("changes what the router and the node have of each other, and not the session", async () => {
    const before = birdSince();
    expect(before).toBeDefined();
    expect(bird?.ask("show route")).toContain(lab.block("pod1"));
    apply("BGPFilter", "edge", {
      importV4: [{ action: "Reject", communities: { values: ["65000:7"] } }],
      exportV4: [
        { action: "Reject", source: "RemotePeers" },
        {
          action: "Accept",
          operations: [{ addCommunity: { value: "64512:1:2" } }, { prependASPath: { prefix: [64599] } }],
        },
      ],
    });
    await printed(/10\.99\.0\.0\/24 .*refused +BGPFilter edge importV4\[0\]/, "routes", "--received", "10.0.1.1");
    const own = await eventually(
      () => bird?.ask(`show route ${lab.block("pod1")} protocol node1 all`) ?? "",
      (text) => text.includes("BGP.large_community"),
    );
    expect(own).toContain("BGP.as_path: 64512 64599");
    expect(own).toContain("(64512, 1, 2)");
    expect(bgp("routes", "--received", "10.0.1.1")).toMatch(/10\.98\.0\.0\/24 .* best +only path/);
    // pod2's block only from the node that has it.
    expect(bird?.ask("show route protocol node1")).not.toContain(lab.block("pod2"));
    expect(birdSince()).toBe(before);
  });

  it("closes while it is not there, and opens again, on the same session", async () => {
    const before = birdSince();
    expect(lab.ocicat("delete", "bgpfilter", "edge").code).toBe(0);
    await printed(
      /10\.98\.0\.0\/24 .*refused +BGPFilter edge, which the BGPPeer names, is not there/,
      "routes",
      "--all",
    );
    await eventually(
      () => bird?.ask("show route protocol node1") ?? "",
      (text) => !text.includes(lab.block("pod1")),
    );
    apply("BGPFilter", "edge", {});
    await eventually(
      () => bird?.ask("show route protocol node1") ?? "",
      (text) => text.includes(lab.block("pod1")),
    );
    expect(birdSince()).toBe(before);
  });
});

describe("prefix advertisements", () => {
  it("put communities on routes, on the session that is there", async () => {
    const before = birdSince();
    apply("BGPConfiguration", "default", {
      communities: [{ name: "pods", value: "64512:300" }],
      prefixAdvertisements: [{ cidr: "10.244.0.0/16", communities: ["pods", "64512:1:300"] }],
    });
    const text = await eventually(
      () => bird?.ask(`show route ${lab.block("pod1")} protocol node1 all`) ?? "",
      (all) => all.includes("(64512,300)"),
    );
    expect(text).toContain("(64512, 1, 300)");
    expect(birdSince()).toBe(before);
  });
});

describe("a password", () => {
  it("that is not there keeps the session down, saying so; with it, on both sides, it is up", async () => {
    const password = { secretKeyRef: { name: "bgp", key: "tor" } };
    apply("BGPPeer", "tor", { peerIP: "10.0.1.1", asNumber: 65000, password });
    await printed(
      /Global_10_0_1_1 .*Idle .*its password is missing: \/etc\/ocicat\/secrets\/bgp\/tor is not there/,
      "peers",
    );
    expect(lab.ocicat("node", "status").stdout).toContain("its password is missing");
    for (const node of ["node1", "node2"])
      await lab.out(
        node,
        "sh",
        "-c",
        "mkdir -p /etc/ocicat/secrets/bgp && umask 077 && echo sesame > /etc/ocicat/secrets/bgp/tor",
      );
    await bird?.stop();
    bird = await startBird(lab, "tor", birdConfig('password "sesame";'));
    await established();
    expect(bird.ask("show protocols all node1")).toContain("BGP state:          Established");
  });
});

describe("BIRD's control socket", () => {
  it("is answered to birdcl on the node", async () => {
    const birdcl = (...line: [string, ...string[]]) =>
      lab.out("node1", "birdcl", "-s", "/var/run/calico/bird.ctl", ...line);
    expect(await birdcl("show", "protocols")).toMatch(/^Mesh_10_0_1_12 BGP +master +up +\S+ +Established$/m);
    const routes = await birdcl("show", "route");
    expect(routes).toMatch(/^10\.0\.1\.0\/24 +dev ens33 \[direct1 \S+\] \* \(240\)$/m);
    expect(routes).toContain(`${lab.block("pod1").padEnd(18)} blackhole [static1 `);
    expect(routes).toMatch(/dev cali\w+ \[kernel1 \S+\] \* \(10\)$/m);
    expect(await birdcl("show", "route", "for", lab.address("pod2"), "all")).toContain("BGP.next_hop: 10.0.1.12");
  });
});

describe("a CalicoNodeStatus", () => {
  it("is written by the node that it names", async () => {
    apply("CalicoNodeStatus", "n1", {
      node: "node1",
      classes: ["Agent", "BGP", "Routes"],
      updatePeriodSeconds: 1,
    });
    const text = await eventually(
      () => lab.ocicat("get", "caliconodestatus", "n1", "-o", "json").stdout,
      (json) => json.includes("numberEstablishedV4"),
    );
    const { status } = JSON.parse(text) as { status: Record<string, unknown> };
    expect(status).toMatchObject({
      agent: { birdV4: { state: "Ready", routerID: "10.0.1.11" } },
      bgp: { peersV4: expect.arrayContaining([expect.objectContaining({ peerIP: "10.0.1.12", type: "NodeMesh" })]) },
      routes: { routesV4: expect.arrayContaining([expect.objectContaining({ destination: lab.block("pod2") })]) },
    });
  });
});
