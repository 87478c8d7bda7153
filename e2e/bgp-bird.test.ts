import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { applyTo } from "./support/apply.ts";
import { eventually, pingCounts, program, TestLab } from "./support/lab.ts";
import { TWO_RACKS } from "./support/racks.ts";

/** BGP by BIRD, which the agents look after: nodes 1 and 2 on one segment, node3 behind a router. */

const lab = new TestLab(TWO_RACKS, program("bird"));

beforeAll(() => lab.up());
afterAll(async () => {
  expect(await lab.down()).toEqual([]);
});

const apply = (kind: string, name: string, spec: object) => applyTo(lab, { kind, name, spec });

const birdcl = (node: string, ...line: string[]) => lab.out(node, "birdcl", "-s", "/var/run/calico/bird.ctl", ...line);
const routes = (node: string) => lab.out(node, "ip", "route");

async function pings(from: string, to: string): Promise<number> {
  const { stdout } = await lab.exec(from, "ping", "-c", "2", "-i", "0.2", "-W", "1", lab.address(to));
  return pingCounts(stdout).received;
}

describe("BIRD, looked after by the agent", () => {
  it("has the mesh under Calico's names, and the agent says how it is", async () => {
    await eventually(
      () => lab.ocicat("node", "status").stdout,
      (text) => (text.match(/\| Established \|/g) ?? []).length === 2,
      30_000,
    );
    expect(await birdcl("node1", "show", "protocols")).toMatch(/^Mesh_10_0_1_12 +BGP +--- +up +\S+ +Established/m);
    expect(lab.ocicat("bgp", "peers").stdout).toMatch(/Mesh_10_0_1_12 +node2 +64512 +node-to-node mesh +Established/);
    const config = await lab.out("node1", "cat", "/etc/calico/confd/config/bird.cfg");
    expect(config).toContain("protocol bgp Mesh_10_0_2_13 from bgp_template {");
    expect(await lab.out("node1", "stat", "-c", "%a", "/etc/calico/confd/config/bird.cfg")).toBe("600\n");
  });

  it("writes the routes of a pool without tunnels itself, and pods reach each other", async () => {
    const text = await eventually(
      () => routes("node1"),
      (all) => all.includes(lab.block("pod2")),
    );
    expect(text).toMatch(new RegExp(`^${lab.block("pod2")} via 10\\.0\\.1\\.12 dev ens33 proto bird metric 32`, "m"));
    expect(text).toMatch(new RegExp(`^blackhole ${lab.block("pod1")} proto bird`, "m"));
    await eventually(
      () => pings("pod1", "pod2"),
      (count) => count === 2,
    );
  });

  it("leaves to the agent what travels by a tunnel", async () => {
    apply("IPPool", "plain", { cidr: "10.244.0.0/16", natOutgoing: true, vxlanMode: "CrossSubnet" });
    const text = await eventually(
      () => routes("node1"),
      (all) => new RegExp(`^${lab.block("pod3")} via \\S+ dev vxlan.calico onlink`, "m").test(all),
    );
    expect(text).toMatch(new RegExp(`^${lab.block("pod2")} via 10\\.0\\.1\\.12 dev ens33 proto 80`, "m"));
    // What BIRD had written before is gone, and nothing of the node's own is there twice.
    await eventually(
      () => routes("node1"),
      (all) => !all.includes("metric 32"),
    );
    await eventually(
      () => pings("pod1", "pod3"),
      (count) => count === 2,
    );
    expect(await pings("pod2", "pod3")).toBe(2);
  });

  it("keeps sessions over a change of the configuration, and a filter's rule is BIRD's", async () => {
    const since = async () =>
      /^Mesh_10_0_1_12 +BGP +--- +up +(\S+)/m.exec(await birdcl("node1", "show", "protocols"))?.[1];
    const before = await since();
    apply("BGPFilter", "none", { exportV4: [{ action: "Reject" }] });
    apply("BGPPeer", "tor", { peerIP: "10.0.1.1", asNumber: 65000, node: "node1", filters: ["none"] });
    await eventually(
      () => birdcl("node1", "show", "protocols"),
      (text) => text.includes("Node_10_0_1_1 "),
    );
    const config = await lab.out("node1", "cat", "/etc/calico/confd/config/bird_ipam.cfg");
    expect(config).toContain("function 'bgp_none_exportFilterV4'(bool is_same_as) {\n  reject;\n}");
    expect(await since()).toBe(before);
    const status = lab.ocicat("node", "status").stdout;
    expect(status).toMatch(/\| 10\.0\.1\.1 {4,}\| node specific +\| start +\|/);
  });

  it("takes its routes over when it has been killed: no ping is lost", async () => {
    const ping = lab.start("pod1", "ping", "-i", "0.05", "-c", "100", "-W", "1", lab.address("pod2"));
    await lab.out("node1", "sh", "-c", "kill -9 $(cat /var/run/calico/bird.ctl.pid)");
    await eventually(
      () => lab.ocicat("bgp", "peers", "-o", "json").stdout,
      (text) =>
        !text.includes('"name": "Mesh_10_0_1_12",\n      "state": "Idle"') &&
        text.includes("BIRD does not run") === false,
    );
    expect(pingCounts((await ping.ended).stdout)).toMatchObject({ sent: 100, received: 100 });
    await eventually(
      () => birdcl("node1", "show", "protocols").catch(String),
      (text) => /^Mesh_10_0_1_12 +BGP +--- +up +\S+ +Established/m.test(text),
      30_000,
    );
    expect(await pings("pod1", "pod3")).toBe(2);
  });
});
