import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { collect, eventually, OCICAT, pingCounts, TestLab } from "./support/lab.ts";

const lab = new TestLab();
beforeAll(() => lab.up());
afterAll(async () => {
  expect(await lab.down()).toEqual([]);
});

interface Peers {
  readonly peers: readonly { readonly address: string; readonly state: string }[];
}

async function sessions(node: string): Promise<readonly string[]> {
  const { peers } = (await lab.agent(node, "/bgp")) as Peers;
  return peers.map(({ address, state }) => `${address} ${state}`);
}

function registered(node: string): string {
  return lab.ocicat("get", "node", node, "-o", "yaml").stdout;
}

/** Next hops of a node's routes to blocks elsewhere. */
async function nextHops(node: string): Promise<readonly string[]> {
  const text = await lab.out(node, "ip", "-4", "route", "show", "proto", "bird");
  return [...text.matchAll(/via (\S+) dev ens33/g)].map((match) => match[1] ?? "").sort();
}

async function reaches(from: string, to: string): Promise<void> {
  const result = await lab.exec(from, "ping", "-c", "3", "-i", "0.2", "-W", "2", lab.address(to));
  expect(pingCounts(result.stdout), `${from} to ${to}`).toEqual({ sent: 3, received: 3 });
}

describe("an agent whose address cannot be found", () => {
  it.each([
    [{ IP_AUTODETECTION_METHOD: "kubernetes-internal-ip" }, /no IPv4 address of type InternalIP.*spec\.addresses/],
    [
      { IP_AUTODETECTION_METHOD: "interface=wlan.*" },
      /ens33 192\.168\.0\.81\/24: the method does not name its interface/,
    ],
    [{ IP: "192.168.0.99" }, /192\.168\.0\.99 is on no interface of this node.*ens33 192\.168\.0\.81\/24/],
    [{ IP: "none" }, /IP and IP6 are both none/],
    [{}, /its address ens33 192\.168\.0\.81\/24 is node node1's already.*ocicat delete node node1/],
    [{ IP_AUTODETECTION_METHOD: "nearest" }, /there is no method "nearest"; use one of first-found/],
  ] as const)("%j ends, and says what was looked at", async (variables, said) => {
    const places = ["/tmp/oct-other.sock", "/tmp/oct-other-cni.sock", "/tmp/oct-other-name"] as const;
    const child = lab.lab.spawn("node1", [process.execPath, OCICAT, "agent"], {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        PATH: process.env["PATH"],
        NODENAME: "node9",
        ETCD_ENDPOINTS: "http://192.168.0.80:2379",
        FELIX_HEALTHPORT: "0",
        OCICAT_AGENT_SOCKET: places[0],
        OCICAT_CNI_SOCKET: places[1],
        OCICAT_NODENAME_FILE: places[2],
        ...variables,
      },
    });
    const { code, stdout, stderr } = await collect(child);
    expect(code).not.toBe(0);
    expect(stdout + stderr).toMatch(said);
    expect(lab.ocicat("get", "nodes").stdout).not.toContain("node9");
  });
});

describe("a node's own address", () => {
  it("is detected and registered with its subnet", async () => {
    expect(registered("node2")).toContain("ipv4Address: 192.168.0.82/24");
    expect(await lab.agent("node2", "/node")).toMatchObject({
      ipv4: { address: "192.168.0.82", subnet: "192.168.0.0/24", interface: "ens33", others: [] },
      ambiguities: [],
    });
  });

  it("stays when another interface comes, and what else would do is told", async () => {
    await lab.out("node1", "ip", "link", "add", "ens34", "type", "veth", "peer", "name", "ens34far");
    await lab.out("node1", "ip", "address", "add", "10.99.0.1/24", "dev", "ens34");
    await lab.out("node1", "ip", "link", "set", "ens34", "up");
    const told = await eventually(
      () => lab.agent("node1", "/node") as Promise<{ ipv4: { address: string }; ambiguities: string[] }>,
      ({ ambiguities }) => ambiguities.length > 0,
    );
    expect(told.ipv4.address).toBe("192.168.0.81");
    expect(told.ambiguities[0]).toMatch(/ens34 10\.99\.0\.1\/24 would have done/);
    await lab.out("node1", "ip", "link", "del", "ens34");
    await eventually(
      () => lab.agent("node1", "/node") as Promise<{ ambiguities: string[] }>,
      ({ ambiguities }) => ambiguities.length === 0,
    );
    expect(registered("node1")).toContain("ipv4Address: 192.168.0.81/24");
  });

  it("that changes moves the routes on every other node, and sessions leave from the new one", async () => {
    await reaches("pod1", "pod2");
    const outside = await lab.capture("master", "ens33", "tcp port 179 and host 192.168.0.92");
    // The default route and every route through a neighbour go with the last address.
    await lab.out("node2", "ip", "address", "del", "192.168.0.82/24", "dev", "ens33");
    expect(await nextHops("node2")).toEqual([]);
    await lab.out("node2", "ip", "address", "add", "192.168.0.92/24", "dev", "ens33");
    await lab.out("node2", "ip", "route", "add", "default", "via", "192.168.0.1");
    await eventually(
      async () => [await nextHops("master"), await nextHops("node1"), await nextHops("node2")],
      ([master, node1, node2]) =>
        String(master) === "192.168.0.81,192.168.0.92" &&
        String(node1) === "192.168.0.80,192.168.0.92" &&
        String(node2) === "192.168.0.80,192.168.0.81",
      40_000,
    );
    expect(registered("node2")).toContain("ipv4Address: 192.168.0.92/24");
    for (const [node, other] of [
      ["master", "192.168.0.81"],
      ["node1", "192.168.0.80"],
    ] as const) {
      const peers = await eventually(
        () => sessions(node),
        (all) => all.every((peer) => peer.endsWith("Established")),
      );
      expect(peers).toEqual([`${other} Established`, "192.168.0.92 Established"]);
    }
    await outside.stop();
    expect((await outside.read("bgp.type == 1 && ip.addr == 192.168.0.92", "ip.src")).length).toBeGreaterThan(0);
    outside.forget();
    for (const [from, to] of [
      ["pod1", "pod2"],
      ["pod2", "pod1"],
      ["pod0", "pod2"],
      ["pod2", "pod0"],
    ] as const)
      await reaches(from, to);
    // The new address is also what the outside sees.
    const wire = await lab.capture("gateway", "eth0", "icmp");
    await lab.out("pod2", "ping", "-c", "1", "-W", "2", "203.0.113.10");
    await wire.stop();
    expect(await wire.read("icmp.type == 8", "ip.src")).toEqual(["192.168.0.92"]);
    wire.forget();
  }, 90_000);

  it("is the same after a restart, also when the default route has moved to another interface", async () => {
    await lab.out("node2", "ip", "link", "add", "ens35", "type", "veth", "peer", "name", "ens35far");
    await lab.out("node2", "ip", "address", "add", "10.99.0.1/24", "dev", "ens35");
    await lab.out("node2", "ip", "link", "set", "ens35", "up");
    await lab.out("node2", "ip", "route", "replace", "default", "via", "10.99.0.2");
    await lab.lab.kill("agent-node2");
    await lab.lab.restartAgent("node2");
    expect(registered("node2")).toContain("ipv4Address: 192.168.0.92/24");
    expect(await lab.agent("node2", "/node")).toMatchObject({
      ipv4: { address: "192.168.0.92", why: "the node uses it already", others: ["ens35 10.99.0.1/24"] },
    });
  });
});
