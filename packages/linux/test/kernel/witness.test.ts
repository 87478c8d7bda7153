import { readdirSync, readlinkSync } from "node:fs";
import { parseAddress, parseMac, parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import {
  type Kernel,
  KernelError,
  type KernelOperation,
  openKernel,
  openNamespace,
  withNetns,
} from "../../src/index.ts";
import { cleanup, run, testNetns } from "../helpers.ts";

/** What was written here, as iproute2 sees it: the codecs could otherwise agree with each other and be wrong. */
function kernelIn(handle: ReturnType<typeof testNetns>["handle"]): Kernel {
  const kernel = openKernel({ namespace: handle });
  cleanup(() => kernel.close());
  return kernel;
}

function must(kernel: Kernel, ...operations: KernelOperation[]): void {
  expect(kernel.apply(operations)).toEqual(operations.map(() => undefined));
}

function json(name: string, ...args: string[]): unknown {
  return JSON.parse(run("ip", "-n", name, "-j", ...args));
}

const base = { table: 254, protocol: 12, scope: 0, metric: 0, preferredSource: undefined, mtu: undefined } as const;

describe("ip -j sees what was written", () => {
  it("a pod: veth, MAC, addresses, the two routes, a permanent neighbour", () => {
    const host = testNetns();
    const pod = testNetns();
    const hostKernel = kernelIn(host.handle);
    const podKernel = kernelIn(pod.handle);
    const mac = parseMac("ee:ee:ee:ee:ee:ee");
    must(hostKernel, {
      op: "link.veth",
      veth: { name: "cali0", mac, mtu: 1440, up: true, peer: { name: "eth0", mtu: 1440, namespaceFd: pod.handle.fd } },
    });
    const linkIndex = podKernel.link("eth0")?.index ?? 0;
    const gateway = parseAddress("169.254.1.1");
    must(
      podKernel,
      { op: "link.set", index: linkIndex, change: { up: true } },
      { op: "address.add", address: { linkIndex, address: parseAddress("10.244.0.5"), prefixLength: 32, scope: 0 } },
      {
        op: "route.replace",
        route: {
          ...base,
          kind: "unicast",
          protocol: 3,
          scope: 253,
          destination: parsePrefix("169.254.1.1/32"),
          nextHops: [{ via: undefined, linkIndex, weight: 1, onlink: false }],
        },
      },
      {
        op: "route.replace",
        route: {
          ...base,
          kind: "unicast",
          protocol: 3,
          destination: parsePrefix("0.0.0.0/0"),
          nextHops: [{ via: gateway, linkIndex, weight: 1, onlink: false }],
        },
      },
      { op: "neighbour.replace", neighbour: { linkIndex, address: gateway, mac, state: 0x80 } },
    );
    expect(json(host.name, "-d", "link", "show", "cali0")).toMatchObject([
      { address: mac, mtu: 1440, flags: expect.arrayContaining(["UP", "LOWER_UP"]), linkinfo: { info_kind: "veth" } },
    ]);
    expect(json(pod.name, "addr", "show", "eth0")).toMatchObject([
      {
        addr_info: expect.arrayContaining([
          expect.objectContaining({ local: "10.244.0.5", prefixlen: 32, scope: "global" }),
        ]),
      },
    ]);
    expect(run("ip", "-n", pod.name, "route").trim().split(/ *\n/)).toEqual([
      "default via 169.254.1.1 dev eth0",
      "169.254.1.1 dev eth0 scope link",
    ]);
    expect(json(pod.name, "neigh")).toEqual([{ dst: "169.254.1.1", dev: "eth0", lladdr: mac, state: ["PERMANENT"] }]);
  });

  it("a node's routes: blackhole, onlink, several next hops, source, MTU, table, protocol", () => {
    const { name, handle } = testNetns();
    const kernel = kernelIn(handle);
    run("ip", "-n", name, "link", "add", "name", "octv", "type", "veth", "peer", "name", "octp");
    run("ip", "-n", name, "link", "set", "octv", "up");
    run("ip", "-n", name, "link", "set", "octp", "up");
    run("ip", "-n", name, "addr", "add", "192.168.0.81/24", "dev", "octv");
    const linkIndex = kernel.link("octv")?.index ?? 0;
    const hop = (via: string, change = {}) => ({
      via: parseAddress(via),
      linkIndex,
      weight: 1,
      onlink: false,
      ...change,
    });
    const replace = (
      destination: string,
      change: Partial<Extract<KernelOperation, { op: "route.replace" }>["route"]>,
    ) =>
      ({
        op: "route.replace",
        route: { ...base, kind: "unicast", nextHops: [], destination: parsePrefix(destination), ...change },
      }) as const;
    must(
      kernel,
      replace("10.244.0.0/26", { kind: "blackhole" }),
      replace("10.244.1.0/26", {
        nextHops: [hop("192.168.0.80")],
        mtu: 1400,
        preferredSource: parseAddress("192.168.0.81"),
      }),
      replace("10.244.2.0/26", { nextHops: [hop("172.16.0.1", { onlink: true })], metric: 7 }),
      replace("10.244.3.0/26", { nextHops: [hop("192.168.0.80"), hop("192.168.0.82", { weight: 3 })] }),
      replace("10.244.4.0/26", { nextHops: [hop("192.168.0.80")], table: 1000, protocol: 80 }),
    );
    expect(run("ip", "-n", name, "route", "show", "proto", "bird").replaceAll(/ +\n/g, "\n")).toBe(
      [
        "blackhole 10.244.0.0/26",
        "10.244.1.0/26 via 192.168.0.80 dev octv src 192.168.0.81 mtu 1400",
        "10.244.2.0/26 via 172.16.0.1 dev octv metric 7 onlink",
        "10.244.3.0/26",
        "\tnexthop via 192.168.0.80 dev octv weight 1",
        "\tnexthop via 192.168.0.82 dev octv weight 3",
        "",
      ].join("\n"),
    );
    expect(json(name, "route", "show", "table", "1000")).toMatchObject([{ dst: "10.244.4.0/26", protocol: "80" }]);
  });

  it("rules, and forwarding entries of a VXLAN device", () => {
    const { name, handle } = testNetns();
    const kernel = kernelIn(handle);
    must(
      kernel,
      {
        op: "rule.add",
        rule: {
          family: 4,
          priority: 99,
          table: 1000,
          source: parsePrefix("10.244.0.0/16"),
          destination: undefined,
          mark: 0x10,
          markMask: 0xf0,
          protocol: 12,
        },
      },
      { op: "link.vxlan", vxlan: { name: "octx", id: 4096, port: 4789, local: parseAddress("192.0.2.1") } },
    );
    const linkIndex = kernel.link("octx")?.index ?? 0;
    const mac = parseMac("66:00:00:00:00:01");
    must(kernel, { op: "fdb.replace", entry: { linkIndex, mac, destination: parseAddress("192.0.2.2") } });
    expect(json(name, "rule", "show", "priority", "99")).toMatchObject([
      { src: "10.244.0.0", srclen: 16, fwmark: "0x10", fwmask: "0xf0", table: "1000", protocol: "bird" },
    ]);
    expect(run("bridge", "-n", name, "fdb", "show", "dev", "octx")).toContain(`${mac} dst 192.0.2.2 self permanent`);
    expect(json(name, "-d", "link", "show", "octx")).toMatchObject([
      { linkinfo: { info_data: { id: 4096, port: 4789, local: "192.0.2.1", learning: false } } },
    ]);
  });

  it("and what iproute2 wrote is read here", () => {
    const { name, handle } = testNetns();
    const kernel = kernelIn(handle);
    run(
      "ip",
      "-n",
      name,
      "link",
      "add",
      "name",
      "octbr",
      "address",
      "02:00:00:00:00:01",
      "mtu",
      "1400",
      "type",
      "bridge",
    );
    run("ip", "-n", name, "link", "set", "octbr", "up");
    run("ip", "-n", name, "addr", "add", "192.0.2.1/31", "dev", "octbr");
    run("ip", "-n", name, "route", "add", "unreachable", "10.0.0.0/8", "metric", "5", "proto", "static");
    expect(kernel.link("octbr")).toMatchObject({ kind: "bridge", mac: "02:00:00:00:00:01", mtu: 1400, up: true });
    expect(kernel.addresses().filter((entry) => entry.scope === 0)).toMatchObject([
      { address: parseAddress("192.0.2.1"), prefixLength: 31 },
    ]);
    expect(kernel.routes(4).find((route) => route.protocol === 4)).toMatchObject({ kind: "unreachable", metric: 5 });
  });
});

/** Sockets and namespaces that this process holds open. */
function descriptors(): string[] {
  return readdirSync("/proc/self/fd")
    .map((fd) => readlinkOf(`/proc/self/fd/${fd}`))
    .filter((target) => target.startsWith("socket:") || target.startsWith("net:"))
    .toSorted();
}

/** "" for one that is closed meanwhile: the directory's own. */
function readlinkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

describe("a kernel", () => {
  it("is bound to its namespace for good: wherever the thread is, and when the handle is closed", () => {
    const mine = testNetns();
    const other = testNetns();
    const handle = openNamespace(mine.path);
    const kernel = openKernel({ namespace: handle });
    cleanup(() => kernel.close());
    handle.close();
    withNetns(other.handle, () => {
      must(kernel, { op: "link.bridge", name: "octbr" });
      kernel.writeSysctl("net/ipv4/ip_forward", "1");
      kernel.monitor(["link"], () => {}).close();
    });
    expect(json(mine.name, "link", "show", "octbr")).toHaveLength(1);
    expect(run("ip", "-n", other.name, "-o", "link")).not.toContain("octbr");
    expect(run("ip", "netns", "exec", mine.name, "cat", "/proc/sys/net/ipv4/ip_forward")).toBe("1\n");
    expect(run("ip", "netns", "exec", other.name, "cat", "/proc/sys/net/ipv4/ip_forward")).toBe("0\n");
  });

  it("without a namespace is the thread's own", () => {
    const { handle } = testNetns();
    const kernel = withNetns(handle, () => openKernel());
    cleanup(() => kernel.close());
    expect(kernel.links()).toHaveLength(1);
  });

  it("that is closed says so, and leaves no descriptor open", () => {
    const { handle } = testNetns();
    const before = descriptors();
    for (let round = 0; round < 20; round++) {
      const kernel = openKernel({ namespace: handle });
      kernel.monitor(["route"], () => {});
      kernel.links();
      kernel.close();
      kernel.close();
      expect(() => kernel.links()).toThrow(KernelError);
    }
    expect(descriptors()).toEqual(before);
  });
});
