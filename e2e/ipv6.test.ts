import { readFileSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startBird } from "./support/bird.ts";
import { allocations } from "./support/datastore.ts";
import { eventually, OCICAT, pingCounts, TestLab } from "./support/lab.ts";
import { CONF, NodeCni } from "./support/node-cni.ts";

const DUAL_STACK = fileURLToPath(new URL("../packages/lab/topologies/dual-stack.yaml", import.meta.url));
const OUTSIDE = "2001:db8:113::10";
const HOST_END = "fe80::ecee:eeff:feee:eeee";
const PODS = ["pod0", "pod1", "pod2", "pod3"];

const lab = new TestLab(readFileSync(DUAL_STACK, "utf8"));

beforeAll(() => lab.up());
afterAll(async () => {
  expect(await lab.down()).toEqual([]);
});

/** The pod's addresses, IPv4 first. */
function addresses(pod: string): readonly [string, string] {
  const [ipv4 = "", ipv6 = ""] = lab.lab.pods().find(pod)?.addresses ?? [];
  return [ipv4, ipv6];
}

const address6 = (pod: string) => addresses(pod)[1];

async function ping(from: string, to: string, ...more: string[]) {
  return pingCounts((await lab.exec(from, "ping", "-n", "-c", "2", "-i", "0.2", "-W", "2", ...more, to)).stdout);
}

async function routes(where: string): Promise<readonly string[]> {
  const text = await lab.out(where, "ip", "-6", "route");
  return text.split("\n").map((line) => line.replace(/ pref medium\s*$/, "").trim());
}

/** The device of a pod's host end. */
async function hostEnd(node: string, pod: string): Promise<string> {
  const route = (await routes(node)).find((line) => line.startsWith(`${address6(pod)} dev `));
  return /dev (cali\S+)/.exec(route ?? "")?.[1] ?? "";
}

/** The /122 that an address lies in, as the kernel writes it. */
async function blocks(node: string): Promise<{ readonly own: readonly string[]; readonly remote: readonly string[] }> {
  const all = (await routes(node)).filter((line) => line.includes("proto bird"));
  return {
    own: all.filter((line) => line.startsWith("blackhole")).map((line) => line.split(" ")[1] ?? ""),
    remote: all.filter((line) => !line.startsWith("blackhole")),
  };
}

describe("a dual-stack node", () => {
  it("is registered with both addresses", () => {
    const text = lab.ocicat("get", "node", "node1", "-o", "yaml").stdout;
    expect(text).toContain("ipv4Address: 192.168.0.81/24");
    expect(text).toContain("ipv6Address: fd00:192:168::81/64");
  });

  it("holds its block as a black hole, and each other node's via that node's IPv6 address", async () => {
    const [node0, node1, node2] = await Promise.all(["master", "node1", "node2"].map(blocks));
    expect(node1?.own).toHaveLength(1);
    expect(node1?.own[0]).toMatch(/^fd00:10:244:.*\/122$/);
    expect([...(node1?.remote ?? [])].sort()).toEqual(
      [
        `${node0?.own[0]} via fd00:192:168::80 dev ens33 proto bird metric 1024`,
        `${node2?.own[0]} via fd00:192:168::82 dev ens33 proto bird metric 1024`,
      ].sort(),
    );
  });

  it("holds each of its pods on its own interface, with Calico's metric", async () => {
    const local = (await routes("node1")).filter((line) => /dev cali/.test(line) && !line.startsWith("fe80"));
    expect(local.sort()).toEqual(
      [
        `${address6("pod1")} dev ${await hostEnd("node1", "pod1")} metric 1024`,
        `${address6("pod3")} dev ${await hostEnd("node1", "pod3")} metric 1024`,
      ].sort(),
    );
  });

  it("has sessions of both families with every other node, in two tables", () => {
    const status = lab.ocicat("node", "status").stdout;
    const [ipv4 = "", ipv6 = ""] = status.split("IPv6 BGP status");
    for (const last of ["80", "82"]) {
      expect(ipv4).toMatch(new RegExp(`\\| 192\\.168\\.0\\.${last} \\| node-to-node mesh \\| up .*Established`));
      expect(ipv6).toMatch(new RegExp(`\\| fd00:192:168::${last} \\| node-to-node mesh \\| up .*Established`));
    }
  });

  it("gives the host end of a cable Calico's address and switches", async () => {
    const device = await hostEnd("node1", "pod1");
    const shown = await lab.out("node1", "ip", "-6", "-o", "address", "show", "dev", device);
    expect(shown).toContain(`inet6 ${HOST_END}/64 scope link`);
    expect(shown).not.toContain("tentative");
    const read = async (path: string) => (await lab.out("node1", "cat", `/proc/sys/net/ipv6/conf/${path}`)).trim();
    expect(await read(`${device}/forwarding`)).toBe("1");
    expect(await read(`${device}/proxy_ndp`)).toBe("1");
    expect(await read(`${device}/accept_ra`)).toBe("0");
    expect(await read("all/forwarding")).toBe("1");
    // A router takes no advertisements with 1.
    expect(await read("ens33/accept_ra")).toBe("2");
  });
});

describe("a dual-stack pod", () => {
  it("has both addresses, whole, without looking for others with the same", async () => {
    const [ipv4, ipv6] = addresses("pod1");
    const shown = await lab.out("pod1", "ip", "-o", "address", "show", "dev", "eth0");
    expect(shown).toContain(`inet ${ipv4}/32 `);
    expect(shown).toMatch(new RegExp(`inet6 ${ipv6}/128 scope global nodad`));
    expect(shown).not.toContain("tentative");
  });

  it("has its node's end of the cable as its gateway", async () => {
    expect(await routes("pod1")).toContain(`default via ${HOST_END} dev eth0 metric 1024`);
    expect(await ping("pod1", address6("pod2"))).toEqual({ sent: 2, received: 2 });
    expect(await lab.out("pod1", "ip", "-6", "neigh")).toMatch(
      new RegExp(`^${HOST_END} dev eth0 lladdr ee:ee:ee:ee:ee:ee router`, "m"),
    );
  });

  it("reaches every other pod by both families, at its first packet", async () => {
    for (const from of PODS) {
      for (const to of PODS.filter((pod) => pod !== from)) {
        for (const address of addresses(to))
          expect(await ping(from, address, "-c", "1"), `${from} to ${to} ${address}`).toEqual({ sent: 1, received: 1 });
      }
    }
    expect(await lab.out("pod1", "ping", "-n", "-c", "1", "-W", "2", address6("pod3"))).toContain("ttl=63");
    expect(await lab.out("pod1", "ping", "-n", "-c", "1", "-W", "2", address6("pod2"))).toContain("ttl=62");
  });

  it("sends a packet that arrives right after its ADD", async () => {
    const pod = await lab.lab.run("fresh", "default", "node2");
    const out = await lab.out("fresh", "ping", "-n", "-c", "1", "-W", "1", address6("pod1"));
    expect(pingCounts(out)).toEqual({ sent: 1, received: 1 });
    expect(pod.addresses).toHaveLength(2);
    await lab.lab.pods().remove("fresh");
    expect((await routes("node2")).filter((line) => line.startsWith(`${pod.addresses[1]} `))).toEqual([]);
  });

  it("is seen by other nodes with its own address, and by the outside with its node's", async () => {
    const inside = await lab.capture("node2", "ens33", "icmp6 and ip6[40] == 128");
    const outside = await lab.capture("gateway", "eth0", "icmp6 and ip6[40] == 128");
    expect(await ping("pod1", address6("pod2"))).toEqual({ sent: 2, received: 2 });
    expect(await ping("pod1", OUTSIDE)).toEqual({ sent: 2, received: 2 });
    await inside.stop();
    await outside.stop();
    expect(new Set(await inside.read("icmpv6.type == 128", "ipv6.src", "ipv6.dst", "ipv6.nxt"))).toEqual(
      new Set([`${address6("pod1")}\t${address6("pod2")}\t58`]),
    );
    expect(new Set(await outside.read("icmpv6.type == 128", "ipv6.src", "ipv6.dst"))).toEqual(
      new Set([`fd00:192:168::81\t${OUTSIDE}`]),
    );
    inside.forget();
    outside.forget();
  });

  it("cannot send with another pod's address", async () => {
    const foreign = address6("pod3");
    await lab.out("pod1", "ip", "address", "add", `${foreign}/128`, "dev", "eth0", "nodad");
    const capture = await lab.capture("node2", "ens33", "icmp6 and ip6[40] == 128");
    expect(await ping("pod1", address6("pod2"), "-I", foreign)).toEqual({ sent: 2, received: 0 });
    await lab.out("pod1", "ip", "address", "del", `${foreign}/128`, "dev", "eth0");
    expect(await ping("pod1", address6("pod2"))).toEqual({ sent: 2, received: 2 });
    await capture.stop();
    expect(new Set(await capture.read("icmpv6.type == 128", "ipv6.src"))).toEqual(new Set([address6("pod1")]));
    capture.forget();
  });

  it("passes CHECK, which names what is wrong of IPv6", async () => {
    await lab.lab.pods().check("pod1");
    await lab.out("pod1", "ip", "-6", "route", "del", "default");
    await expect(lab.lab.pods().check("pod1")).rejects.toThrow(/lacks the default route via fe80::ecee:eeff:feee:eeee/);
    await lab.out("pod1", "ip", "-6", "route", "add", "default", "via", HOST_END, "dev", "eth0");
    const device = await hostEnd("node1", "pod1");
    await lab.out("node1", "sh", "-c", `echo 0 > /proc/sys/net/ipv6/conf/${device}/forwarding`);
    await expect(lab.lab.pods().check("pod1")).rejects.toThrow(/ipv6\/conf\/cali\w+\/forwarding is 0, not 1/);
    await lab.out("node1", "sh", "-c", `echo 1 > /proc/sys/net/ipv6/conf/${device}/forwarding`);
    await lab.lab.pods().check("pod1");
  });
});

const editPool = (change: (text: string) => string) => edit("ippool", "default-ipv6-ippool", change);
const editNode = (name: string, change: (text: string) => string) => edit("node", name, change);

/** The seeds' way: get, edit, apply. Returns what was there. */
async function edit(kind: string, name: string, change: (text: string) => string): Promise<string> {
  const present = lab.ocicat("get", kind, name, "-o", "yaml").stdout;
  const file = join(tmpdir(), `${lab.name}-edited.yaml`);
  await writeFile(file, change(present).replace(/^ {2}(resourceVersion|uid|creationTimestamp): .*\n/gm, ""));
  const applied = lab.ocicat("apply", "-f", file);
  rmSync(file);
  expect(applied.stdout + applied.stderr).toContain("Successfully applied 1 ");
  return present;
}

describe("ADD", () => {
  const node1 = new NodeCni(lab, "node1");
  const held = async () => [...(await allocations(lab.store)).keys()].sort();
  const cali = async () => (await lab.out("node1", "ip", "-o", "link")).match(/cali\w+/g)?.sort();

  it("fails whole when one family cannot be had, and leaves nothing of the other", async () => {
    const before = [await held(), await cali()];
    const pool = await editPool((text) => text.replace("spec:\n", "spec:\n  disabled: true\n"));
    try {
      await eventually(
        () =>
          lab.lab.run("half", "default", "node1").then(
            async () => {
              await lab.lab.pods().remove("half");
              return "it was made";
            },
            (error: unknown) => String(error),
          ),
        (outcome) => /IPv6/.test(outcome),
      );
      expect(lab.lab.pods().find("half")).toBeUndefined();
      expect([await held(), await cali()]).toEqual(before);
      expect(lab.ocicat("get", "workloadendpoints", "-n", "default").stdout).not.toContain("half");
    } finally {
      await editPool(() => pool);
    }
  });

  it("gives both addresses that are asked for, or none", async () => {
    const asked = (...ips: string[]) => ({
      ...CONF,
      ipam: { type: "ocicat-ipam", assign_ipv6: "true" },
      runtimeConfig: { ips },
    });
    const container = async (name: string) => ({
      containerId: name,
      netns: await node1.namespace(),
      args: `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${name}`,
    });
    const [free4, free6] = ["10.244.99.7", "fd00:10:244::99"];
    const nothing = await held();
    const both = await container("both");
    const made = await node1.exec("ADD", both, asked(free4, free6));
    expect(made.code, made.stdout).toBe(0);
    const result = JSON.parse(made.stdout) as { ips: { address: string }[]; routes: { dst: string; gw?: string }[] };
    expect(result.ips.map((entry) => entry.address)).toEqual([`${free4}/32`, `${free6}/128`]);
    expect(result.routes).toEqual([
      { dst: "169.254.1.1/32" },
      { dst: "0.0.0.0/0", gw: "169.254.1.1" },
      { dst: "::/0", gw: HOST_END },
    ]);

    const before = [await held(), await cali()];
    const refused = await node1.exec("ADD", await container("refused"), asked("10.244.99.8", free6));
    expect(refused.code).not.toBe(0);
    expect(refused.stdout).toContain(free6);
    expect([await held(), await cali()]).toEqual(before);
    expect((await node1.exec("DEL", both, asked(free4, free6))).code).toBe(0);
    expect(await held()).toEqual(nothing);
  });

  it("refuses a pod an MTU that IPv6 cannot have, and says so", async () => {
    const before = [await held(), await cali()];
    const netns = await node1.namespace();
    const small = { containerId: "small", netns, args: "K8S_POD_NAMESPACE=default;K8S_POD_NAME=small" };
    const conf = { ...CONF, mtu: 1279, ipam: { type: "ocicat-ipam", assign_ipv6: "true" } };
    const refused = await node1.exec("ADD", small, conf);
    expect(refused.stdout).toMatch(/MTU of 1279 is too small.*1280/);
    expect((await node1.exec("ADD", small, { ...conf, mtu: 1280 })).code).toBe(0);
    expect((await node1.exec("DEL", small, conf)).code).toBe(0);
    expect([await held(), await cali()]).toEqual(before);
  });

  it("gives IPv4 alone where that is asked for, and IPv6 alone", async () => {
    for (const [families, count] of [
      [{ assign_ipv4: "true", assign_ipv6: "false" }, 4],
      [{ assign_ipv4: "false", assign_ipv6: "true" }, 6],
    ] as const) {
      const conf = { ...CONF, ipam: { type: "ocicat-ipam", ...families } };
      const netns = await node1.namespace();
      const one = { containerId: `only${count}`, netns, args: `K8S_POD_NAMESPACE=default;K8S_POD_NAME=only${count}` };
      const made = await node1.exec("ADD", one, conf);
      expect(made.code, made.stdout).toBe(0);
      const { ips, routes: told } = JSON.parse(made.stdout) as {
        ips: { address: string }[];
        routes: { dst: string }[];
      };
      expect(ips).toHaveLength(1);
      expect(ips[0]?.address).toMatch(count === 4 ? /^10\.244\..*\/32$/ : /^fd00:10:244:.*\/128$/);
      expect(told.map(({ dst }) => dst)).toEqual(count === 4 ? ["169.254.1.1/32", "0.0.0.0/0"] : ["::/0"]);
      const inPod = ["ip", "netns", "exec", netns.split("/").at(-1) ?? ""] as const;
      const to = addresses("pod2")[count === 4 ? 0 : 1];
      const result = await lab.exec("node1", ...inPod, "ping", "-n", "-c", "1", "-W", "1", to);
      expect(pingCounts(result.stdout)).toEqual({ sent: 1, received: 1 });
      expect((await node1.exec("DEL", one, conf)).code).toBe(0);
    }
  });
});

/** What changes the kernel, as strace decodes netlink. */
const WRITES =
  /\b(RTM_(?:NEW|DEL|SET)(?:ROUTE|LINK|ADDR|NEIGH|RULE)|NFT_MSG_(?:NEW|DEL|DESTROY)(?:CHAIN|RULE|SET|SETELEM|OBJ))\b/;

describe("an agent that starts again", () => {
  it("finds everything as it should be, writes nothing, and loses no packet", async () => {
    const before = await routes("node1");
    const pings = [["pod1", "pod2"] as const, ["pod0", "pod3"] as const].map(([from, to]) =>
      lab.exec(from, "ping", "-q", "-n", "-i", "0.005", "-c", "800", "-W", "1", address6(to)),
    );
    const trace = join(tmpdir(), `${lab.name}.strace`);
    const strace = ["strace", "-f", "-qq", "-s", "64", "-e", "trace=sendto,sendmsg,sendmmsg,write,writev", "-o", trace];
    await lab.lab.kill("agent-node1");
    await lab.withCommand(["strace", ...strace.slice(1), process.execPath, OCICAT]).restartAgent("node1");
    await eventually(
      () => lab.agent("node1", "/bgp") as Promise<{ peers: { state: string }[] }>,
      ({ peers }) => peers.length === 4 && peers.every((peer) => peer.state === "Established"),
    );
    for (const result of await Promise.all(pings))
      expect(pingCounts(result.stdout)).toEqual({ sent: 800, received: 800 });
    expect(await routes("node1")).toEqual(before);
    const lines = readFileSync(trace, "utf8").split("\n");
    rmSync(trace);
    expect(lines.some((line) => line.includes("RTM_GETROUTE"))).toBe(true);
    expect(lines.filter((line) => WRITES.test(line))).toEqual([]);
  }, 120_000);
});

describe("a node more", () => {
  it("joins by both families, and gives its blocks of both back when it leaves", async () => {
    const before = await routes("node1");
    await lab.lab.addNodeNamed("node3", { address: "192.168.0.83/24", address6: "fd00:192:168::83/64" });
    const pod = await lab.lab.run("pod9", "default", "node3");
    const [ipv4 = "", ipv6 = ""] = pod.addresses;
    for (const address of [ipv4, ipv6])
      await eventually(
        () => lab.exec("pod1", "ping", "-n", "-c", "1", "-W", "1", address),
        ({ stdout }) => pingCounts(stdout).received === 1,
      );
    expect((await blocks("node1")).remote.filter((line) => line.includes("via fd00:192:168::83"))).toHaveLength(1);
    await lab.lab.removeNode("node3");
    await eventually(
      () => routes("node1"),
      (all) => all.join() === before.join(),
    );
    const keys = (await lab.store.list("/calico/ipam/")).items.map(({ key }) => key);
    expect(keys.filter((key) => key.includes("node3"))).toEqual([]);
  });
});

describe("what somebody else does to the kernel", () => {
  it("a route of ours that is deleted comes back", async () => {
    const remote = (await blocks("node1")).remote[0] ?? "";
    await lab.out("node1", "ip", "-6", "route", "del", remote.split(" ")[0] ?? "");
    await eventually(
      () => routes("node1"),
      (all) => all.includes(remote),
    );
    expect(await ping("pod1", address6("pod2"))).toEqual({ sent: 2, received: 2 });
  });

  it("an address of the node that changes moves the routes on the others", async () => {
    await lab.out("node2", "ip", "address", "add", "fd00:192:168::92/64", "dev", "ens33", "nodad");
    await lab.out("node2", "ip", "address", "del", "fd00:192:168::82/64", "dev", "ens33");
    await eventually(
      () => blocks("node1"),
      ({ remote }) => remote.some((line) => line.includes("via fd00:192:168::92")) && !String(remote).includes("::82"),
      40_000,
    );
    expect(await ping("pod1", address6("pod2"))).toEqual({ sent: 2, received: 2 });
    expect(await ping("pod2", address6("pod1"))).toEqual({ sent: 2, received: 2 });
  }, 60_000);
});

/** The gateway advertises itself as a router, and no prefix. */
const ADVERTISE = `
router id 192.168.0.1;
protocol device {}
protocol radv {
  interface "eth0" {
    min ra interval 3;
    max ra interval 4;
    default lifetime 600;
    prefix ::/0 { skip; };
  };
}
`;

describe("a node that has learnt its way out from a router's advertisements", () => {
  const byRouter = async () => (await routes("node2")).filter((line) => /^default .* proto ra /.test(line));
  const set = (path: string, value: string) =>
    lab.out("node2", "sh", "-c", `echo ${value} > /proc/sys/net/ipv6/conf/${path}`);

  it("keeps it when its agent lets it forward, and learns it again", async () => {
    await lab.lab.kill("agent-node2");
    // As a host boots that forwards nothing yet.
    await lab.out("node2", "ip", "-6", "route", "del", "default");
    await set("all/forwarding", "0");
    await set("ens33/accept_ra", "1");
    const router = await startBird(lab, "gateway", ADVERTISE);
    try {
      await eventually(byRouter, (all) => all.length === 1);
      const monitor = lab.start("node2", "ip", "-6", "-o", "monitor", "route");
      let seen = "";
      monitor.child.stdout?.on("data", (chunk: Buffer) => {
        seen += chunk.toString();
      });
      const probe = async () => {
        await lab.out("node2", "ip", "-6", "route", "replace", "blackhole", "2001:db8:99::1", "table", "4242");
        await lab.out("node2", "ip", "-6", "route", "del", "2001:db8:99::1", "table", "4242");
        return seen;
      };
      await eventually(probe, (text) => text.includes("Deleted blackhole 2001:db8:99::1"));
      await lab.lab.restartAgent("node2");
      expect(await lab.out("node2", "cat", "/proc/sys/net/ipv6/conf/all/forwarding")).toBe("1\n");
      monitor.child.kill("SIGINT");
      await monitor.ended;
      expect(seen).not.toMatch(/Deleted default/);
      expect(await byRouter()).toHaveLength(1);
      expect(await ping("pod2", OUTSIDE)).toEqual({ sent: 2, received: 2 });
      await lab.out("node2", "ip", "-6", "route", "del", "default");
      await eventually(byRouter, (all) => all.length === 1);
    } finally {
      await router.stop();
    }
  }, 60_000);
});

describe("a node of IPv6 alone", () => {
  it("has sessions by IPv6 alone, and its pods' routes stay", async () => {
    const before = (await blocks("node2")).remote;
    await lab.lab.kill("agent-node2");
    await editNode("node2", (text) => text.replace(/^ *ipv4Address: .*\n/m, ""));
    const child = lab.lab.spawn("node2", [process.execPath, OCICAT, "agent"], {
      stdio: "ignore",
      env: {
        PATH: process.env["PATH"],
        NODENAME: "node2",
        ETCD_ENDPOINTS: "http://192.168.0.80:2379",
        IP: "none",
        IP6: "autodetect",
      },
    });
    const ended = new Promise((resolve) => child.once("close", resolve));
    try {
      const peers = await eventually(
        () => lab.agent("node1", "/bgp") as Promise<{ peers: { node: string; address: string; state: string }[] }>,
        ({ peers: all }) => {
          const own = all.filter(({ node }) => node === "node2");
          return own.length === 1 && own[0]?.state === "Established" && own[0].address.includes(":");
        },
      );
      expect(peers.peers).toHaveLength(3);
      await eventually(
        () => lab.exec("node2", "curl", "-s", "-f", "http://127.0.0.1:9099/readyz"),
        ({ code }) => code === 0,
      );
      expect(await ping("pod1", address6("pod2"))).toEqual({ sent: 2, received: 2 });
      expect((await blocks("node2")).remote).toEqual(before);
    } finally {
      child.kill("SIGTERM");
      await ended;
    }
    await lab.lab.restartAgent("node2");
    expect(lab.ocicat("get", "node", "node2", "-o", "yaml").stdout).toContain("ipv4Address: 192.168.0.82/24");
  }, 60_000);
});
