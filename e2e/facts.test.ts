import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, pingCounts, TestLab } from "./support/lab.ts";

const lab = new TestLab();

beforeAll(() => lab.up());
afterAll(async () => {
  expect(await lab.down()).toEqual([]);
});

interface KernelRoute {
  readonly type?: string;
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
  readonly protocol?: string;
  readonly scope?: string;
}

async function routes(where: string): Promise<KernelRoute[]> {
  return JSON.parse(await lab.out(where, "ip", "-j", "route")) as KernelRoute[];
}

/** The /26 that an address lies in. */
function blockOf(address: string): string {
  const [a, b, c, d = "0"] = address.split(".");
  return `${a}.${b}.${c}.${Number(d) & 0xc0}/26`;
}

describe("a node's routes", () => {
  it("hold its block as a black hole, proto bird", async () => {
    const blackholes = (await routes("node1")).filter((route) => route.type === "blackhole");
    expect(blackholes).toEqual([expect.objectContaining({ dst: blockOf(lab.address("pod1")), protocol: "bird" })]);
  });

  it("hold each of its pods as a /32 on its cali interface, and no others", async () => {
    const local = (await routes("node1")).filter((route) => route.dev?.startsWith("cali"));
    expect(local.map((route) => route.dst).sort()).toEqual([lab.address("pod1"), lab.address("pod3")].sort());
    for (const route of local) {
      expect(route.dev).toMatch(/^cali[0-9a-f]{11}$/);
      expect(route.scope).toBe("link");
    }
  });

  it("hold each remote block via its node, proto bird", async () => {
    const remote = (await routes("node1")).filter((route) => route.protocol === "bird" && route.gateway !== undefined);
    expect(remote.map((route) => [route.dst, route.gateway, route.dev]).sort()).toEqual(
      [
        [blockOf(lab.address("pod0")), "192.168.0.80", "ens33"],
        [blockOf(lab.address("pod2")), "192.168.0.82", "ens33"],
      ].sort(),
    );
  });
});

describe("a pod", () => {
  it("has the two routes of the seeds and nothing else", async () => {
    const text = await lab.out("pod1", "ip", "route");
    expect(
      text
        .trimEnd()
        .split("\n")
        .map((line) => line.trim()),
    ).toEqual(["default via 169.254.1.1 dev eth0", "169.254.1.1 dev eth0 scope link"]);
  });

  it("has its address as a /32 on eth0", async () => {
    const links = JSON.parse(await lab.out("pod1", "ip", "-j", "-4", "address", "show", "eth0")) as {
      addr_info: { local: string; prefixlen: number }[];
    }[];
    expect(links[0]?.addr_info).toEqual([expect.objectContaining({ local: lab.address("pod1"), prefixlen: 32 })]);
  });

  it("finds 169.254.1.1 at ee:ee:ee:ee:ee:ee", async () => {
    await lab.out("pod1", "ping", "-c", "1", "-W", "2", lab.address("pod2"));
    expect(await lab.out("pod1", "ip", "neigh")).toMatch(/^169\.254\.1\.1 dev eth0 lladdr ee:ee:ee:ee:ee:ee /m);
  });

  it("gets an answer to arping 169.254.1.1, and none to ping", async () => {
    const arping = await lab.exec("pod1", "arping", "-c", "1", "-w", "2", "-I", "eth0", "169.254.1.1");
    expect(arping.stdout).toMatch(/EE:EE:EE:EE:EE:EE/i);
    expect(arping.code).toBe(0);
    const ping = await lab.exec("pod1", "ping", "-c", "1", "-W", "1", "169.254.1.1");
    expect(pingCounts(ping.stdout)).toEqual({ sent: 1, received: 0 });
  });

  it("sees ttl 63 from its own node and 62 from another", async () => {
    expect(await lab.out("pod1", "ping", "-c", "1", "-W", "2", lab.address("pod3"))).toContain("ttl=63");
    expect(await lab.out("pod1", "ping", "-c", "1", "-W", "2", lab.address("pod2"))).toContain("ttl=62");
  });

  it("reaches every other pod, from every node", async () => {
    const pods = ["pod0", "pod1", "pod2", "pod3"];
    for (const from of pods) {
      for (const to of pods.filter((pod) => pod !== from)) {
        const result = await lab.exec(from, "ping", "-c", "1", "-W", "2", lab.address(to));
        expect(pingCounts(result.stdout), `${from} to ${to}`).toEqual({ sent: 1, received: 1 });
      }
    }
  });

  it("has a host end with Calico's switches", async () => {
    const host = (await routes("node1")).find((route) => route.dst === lab.address("pod1"))?.dev ?? "";
    const read = (path: string) => lab.out("node1", "cat", `/proc/sys/net/ipv4/${path}`).then((text) => text.trim());
    expect(await read(`conf/${host}/proxy_arp`)).toBe("1");
    expect(await read(`neigh/${host}/proxy_delay`)).toBe("0");
    expect(await read(`conf/${host}/forwarding`)).toBe("1");
    const link = await lab.out("node1", "ip", "-j", "address", "show", host);
    const [shown] = JSON.parse(link) as { address: string; addr_info: { family: string }[] }[];
    expect(shown?.address).toBe("ee:ee:ee:ee:ee:ee");
    expect(shown?.addr_info.filter((entry) => entry.family === "inet")).toEqual([]);
  });
});

describe("the datastore", () => {
  it("holds the tiers that every cluster has, stored by an agent", () => {
    const tiers = JSON.parse(lab.ocicat("get", "tier", "-o", "json").stdout) as { items: { metadata: object }[] };
    expect(tiers.items.map(({ metadata }) => metadata)).toEqual(
      ["kube-admin", "default", "kube-baseline"].map((name) =>
        expect.objectContaining({ name, uid: expect.any(String) }),
      ),
    );
  });
});

describe("on the wire", () => {
  it("pods' packets travel un-encapsulated between pod addresses, and BGP on port 179", async () => {
    const capture = await lab.capture("node1", "ens33", "icmp or tcp port 179");
    await lab.out("pod1", "ping", "-c", "3", "-i", "0.2", "-W", "2", lab.address("pod2"));
    // A session made anew shows its whole life on the wire.
    await lab.lab.kill("agent-node2");
    await lab.lab.restartAgent("node2");
    await eventually(
      () => capture.read("bgp.type == 1", "tcp.port"),
      (opens) => opens.some((ports) => ports.split(",").includes("179")),
    );
    await capture.stop();
    const pairs = new Set(await capture.read("icmp", "ip.src", "ip.dst", "ip.proto"));
    capture.forget();
    const [pod1, pod2] = [lab.address("pod1"), lab.address("pod2")];
    expect(pairs).toEqual(new Set([`${pod1}\t${pod2}\t1`, `${pod2}\t${pod1}\t1`]));
  });

  it("a ping to the outside leaves as the node's address; one between pods never", async () => {
    const capture = await lab.capture("gateway", "eth0", "icmp");
    expect(pingCounts(await lab.out("pod1", "ping", "-c", "2", "-i", "0.2", "-W", "2", "203.0.113.10")).received).toBe(
      2,
    );
    await capture.stop();
    expect(new Set(await capture.read("icmp.type == 8", "ip.src"))).toEqual(new Set(["192.168.0.81"]));
    capture.forget();
    const inside = await lab.capture("node2", "ens33", "icmp");
    await lab.out("pod1", "ping", "-c", "1", "-W", "2", lab.address("pod2"));
    await inside.stop();
    expect(await inside.read("icmp.type == 8", "ip.src")).toEqual([lab.address("pod1")]);
    inside.forget();
  });

  it("an unknown cali interface neither sends nor receives", async () => {
    await lab.out("node1", "ip", "link", "add", "caliunknown0", "type", "veth", "peer", "name", "stray0");
    await lab.out("node1", "ip", "address", "add", "10.9.9.1/24", "dev", "caliunknown0");
    await lab.out("node1", "ip", "link", "set", "caliunknown0", "up");
    await lab.out("node1", "ip", "link", "set", "stray0", "up");
    try {
      const ping = await lab.exec("node1", "ping", "-c", "1", "-W", "1", "-I", "caliunknown0", "10.9.9.2");
      expect(pingCounts(ping.stdout).received).toBe(0);
      const rules = await lab.out("node1", "nft", "list", "table", "inet", "ocicat-guard");
      const dropped = /oifname "cali\*" oifname != @known counter packets (\d+)/.exec(rules);
      await lab.exec("node1", "ip", "neigh", "add", "10.9.9.2", "lladdr", "02:00:00:00:00:01", "dev", "caliunknown0");
      await lab.exec("node1", "ping", "-c", "1", "-W", "1", "10.9.9.2");
      const after = /oifname "cali\*" oifname != @known counter packets (\d+)/.exec(
        await lab.out("node1", "nft", "list", "table", "inet", "ocicat-guard"),
      );
      expect(Number(after?.[1])).toBeGreaterThan(Number(dropped?.[1]));
    } finally {
      await lab.out("node1", "ip", "link", "del", "caliunknown0");
    }
  });

  it("a pod's interface is in the group of those the guard knows; no other one stays there", async () => {
    const groups = async () =>
      new Map(
        [...(await lab.out("node1", "ip", "link")).matchAll(/^\d+: ([^:@]+).* group (\S+)/gm)].map(
          ([, name = "", group = ""]) => [name, group] as const,
        ),
      );
    const pods = [...(await groups())].filter(([name]) => name.startsWith("cali"));
    expect(pods.length).toBeGreaterThan(0);
    expect(new Set(pods.map(([, group]) => group))).toEqual(new Set(["51729"]));
    await lab.out(
      "node1",
      "ip",
      "link",
      "add",
      "caliunknown1",
      "group",
      "51729",
      "type",
      "veth",
      "peer",
      "name",
      "stray1",
    );
    try {
      await eventually(groups, (now) => now.get("caliunknown1") === "default");
    } finally {
      await lab.out("node1", "ip", "link", "del", "caliunknown1");
    }
  });
});

describe("what an agent says of itself", () => {
  it("is metrics for who scrapes them, and nothing that it cannot read", async () => {
    const metrics = await lab.out("node1", "curl", "-sf", "http://127.0.0.1:9099/metrics");
    expect(metrics).toMatch(/^ocicat_unreadable_values 0$/m);
    expect(metrics).toMatch(/^ocicat_event_loop_lag_max_seconds \d/m);
    expect(await lab.agent("node1", "/unreadable")).toEqual({});
  });
});

describe("the command line", () => {
  const columns = (text: string) => (text.split("\n")[0] ?? "").trim().split(/\s{2,}|\s+/);

  it("prints the seeds' columns", () => {
    expect(columns(lab.ocicat("get", "ippool", "-o", "wide").stdout).slice(0, 7)).toEqual([
      "NAME",
      "CIDR",
      "NAT",
      "IPIPMODE",
      "VXLANMODE",
      "DISABLED",
      "DISABLEBGPEXPORT",
    ]);
    expect(columns(lab.ocicat("get", "node", "-o", "wide").stdout)).toEqual(["NAME", "ASN", "IPV4", "IPV6"]);
    expect(columns(lab.ocicat("get", "workloadendpoints").stdout)).toEqual([
      "WORKLOAD",
      "NODE",
      "NETWORKS",
      "INTERFACE",
    ]);
    const status = lab.ocicat("node", "status").stdout;
    expect(status).toMatch(/^\| PEER ADDRESS \|\s+PEER TYPE\s+\| STATE \|\s+SINCE\s+\|\s+INFO\s+\|$/m);
    expect(status).toMatch(/^\| 192\.168\.0\.80 \| node-to-node mesh \| up {4}\| \d\d:\d\d:\d\d \| Established \|$/m);
    expect(lab.ocicat("get", "ippool", "default-ipv4-ippool", "-o", "yaml").stdout).toContain("ipipMode: Never");
  });

  it("says why a route is there, with the resources it follows from", async () => {
    const why = lab.ocicat("routes", "why", lab.address("pod2"));
    expect(why.stdout).toMatch(
      /via 192\.168\.0\.82 dev ens33 proto bird\s+programmed\s+learned by BGP from node2 .*\[Node node2, IPPool default-ipv4-ippool\]/,
    );
    const local = lab.ocicat("routes", "why", lab.address("pod1"));
    expect(local.stdout).toContain("default/pod1 runs here");
  });

  it("passes CNI CHECK for what is right, and says what is wrong when it is not", async () => {
    await lab.lab.pods().check("pod1");
    await lab.out("pod1", "ip", "route", "del", "default");
    await expect(lab.lab.pods().check("pod1")).rejects.toThrow(/default route/);
    await lab.out("pod1", "ip", "route", "add", "default", "via", "169.254.1.1", "dev", "eth0");
    await lab.lab.pods().check("pod1");
  });
});
