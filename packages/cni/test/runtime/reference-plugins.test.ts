import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseAddress, parseMac } from "@ocicat/net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CniVersion, formatResult, podResult } from "../../src/index.ts";
import { CniRuntime, execThrough, parseNetworkList, type RuntimeAttachment } from "../../src/runtime/index.ts";
import { FakePlugins } from "../support/fake-plugin.ts";
import { TestNamespace } from "../support/namespaces.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const DEBIAN = "/usr/lib/cni";
const directory = temporaryDirectory();
const namespaces: TestNamespace[] = [];
let node: TestNamespace;
let pod: TestNamespace;
let runtime: CniRuntime;
let worlds = 0;

if (!existsSync(join(DEBIAN, "ptp")))
  throw new Error("Debian's reference plugins are missing: apt-get install containernetworking-plugins");

beforeEach(() => {
  worlds += 1;
  node = namespace("node");
  pod = namespace("pod");
  // The plugins' own network namespace is the node's: the machine's stays as it is.
  const exec = execThrough(["ip", "netns", "exec", node.name]);
  runtime = new CniRuntime({
    pluginDirs: [join(directory, `${worlds}`), DEBIAN],
    cacheDir: join(directory, `${worlds}-cache`),
    exec,
  });
});
afterEach(() => {
  for (const space of namespaces.splice(0)) space.remove();
});

function namespace(purpose: string): TestNamespace {
  const made = new TestNamespace(purpose);
  namespaces.push(made);
  return made;
}

const attach = (more: Partial<RuntimeAttachment> = {}): RuntimeAttachment => ({
  containerId: `oct${worlds}`,
  ifname: "eth0",
  netns: pod.path,
  ...more,
});

const capabilities: RuntimeAttachment["capabilityArgs"] = {
  portMappings: [{ hostPort: 18_080, containerPort: 80, protocol: "tcp" }],
  bandwidth: { ingressRate: 8_000_000, ingressBurst: 8_000_000, egressRate: 8_000_000, egressBurst: 8_000_000 },
};

describe("Debian's reference plugins", () => {
  it("loopback: ADD, CHECK and DEL", async () => {
    const list = parseNetworkList('{"cniVersion":"1.0.0","name":"lo","plugins":[{"type":"loopback"}]}', "lo");
    const { result } = await runtime.addNetworkList(list, attach({ ifname: "lo" }));
    expect(result.interfaces[0]?.name).toBe("lo");
    expect(pod.run("ip", "-o", "link", "show", "lo")).toContain("LOWER_UP");
    await runtime.checkNetworkList(list, attach({ ifname: "lo" }));
    await runtime.delNetworkList(list, attach({ ifname: "lo" }));
    expect(pod.run("ip", "-o", "link", "show", "lo")).not.toContain("LOWER_UP");
  });

  it("ptp with host-local, portmap and bandwidth: a chain that is made and taken down to nothing", async () => {
    const dataDir = join(directory, `${worlds}-ipam`);
    const ipam = { type: "host-local", subnet: "10.88.7.0/24", dataDir, routes: [{ dst: "0.0.0.0/0" }] };
    const conf = {
      cniVersion: "1.0.0",
      name: "chain",
      plugins: [
        { type: "ptp", ipam },
        { type: "portmap", snat: true, capabilities: { portMappings: true } },
        { type: "bandwidth", capabilities: { bandwidth: true } },
      ],
    };
    const list = parseNetworkList(JSON.stringify(conf), "chain");
    const links = () => node.run("ip", "-o", "link").trim().split("\n").length;
    const before = links();
    const { result } = await runtime.addNetworkList(list, attach({ capabilityArgs: capabilities }));
    expect(result.interfaces.some((link) => link.name === "eth0" && link.sandbox === pod.path)).toBe(true);
    expect(pod.run("ip", "-4", "-o", "address", "show", "eth0")).toContain("10.88.7.2/24");
    expect(node.run("iptables-save", "-t", "nat")).toMatch(/--dport 18080 .*DNAT.*10\.88\.7\.2:80/);
    expect(node.run("tc", "qdisc", "show")).toContain("tbf");
    await runtime.delNetworkList(list, attach());
    expect(links()).toBe(before);
    expect(node.run("iptables-save", "-t", "nat")).not.toContain("18080");
    expect(readdirSync(join(dataDir, "chain")).filter((name) => name.startsWith("10."))).toEqual([]);
    expect(await runtime.attachments()).toEqual([]);
  });

  it("a plugin that fails at the end of the chain leaves nothing of those before it", async () => {
    const dataDir = join(directory, `${worlds}-ipam`);
    const conf = {
      cniVersion: "1.0.0",
      name: "chain",
      plugins: [
        { type: "ptp", ipam: { type: "host-local", subnet: "10.88.7.0/24", dataDir } },
        { type: "bandwidth", ingressRate: 1 },
      ],
    };
    const adding = runtime.addNetworkList(parseNetworkList(JSON.stringify(conf), "chain"), attach());
    await expect(adding).rejects.toMatchObject({ plugin: "bandwidth", code: "CNI_PLUGIN_FAILED" });
    expect(pod.run("ip", "-o", "link")).not.toContain("eth0");
    expect(readdirSync(join(dataDir, "chain")).filter((name) => name.startsWith("10."))).toEqual([]);
  });

  const versions: readonly CniVersion[] = ["0.3.1", "0.4.0", "1.0.0"];
  it.each(versions)("portmap and bandwidth work behind a result of ours in CNI %s", async (cniVersion) => {
    node.run("ip", "link", "add", "cali0761ccbeace", "type", "veth", "peer", "name", "eth0", "netns", pod.name);
    node.run("ip", "link", "set", "cali0761ccbeace", "up");
    pod.run("ip", "link", "set", "eth0", "up");
    const result = podResult({
      host: { name: "cali0761ccbeace", mac: parseMac("ee:ee:ee:ee:ee:ee") },
      container: { name: "eth0", mac: parseMac("ce:6f:6f:be:05:85"), netns: pod.path },
      mtu: 1440,
      addresses: [parseAddress("10.244.7.1")],
    });
    new FakePlugins(join(directory, `${worlds}`), ["ocicat"]).answer("ocicat", "ADD", {
      out: formatResult(result, cniVersion),
    });
    const conf = {
      cniVersion,
      name: "ocicat",
      plugins: [
        { type: "ocicat" },
        { type: "portmap", snat: true, capabilities: { portMappings: true } },
        { type: "bandwidth", capabilities: { bandwidth: true } },
      ],
    };
    const list = parseNetworkList(JSON.stringify(conf), "ocicat");
    const { result: last } = await runtime.addNetworkList(list, attach({ capabilityArgs: capabilities }));
    expect(last.routes.map(({ destination }) => destination.toString())).toEqual(["169.254.1.1/32", "0.0.0.0/0"]);
    expect(node.run("iptables-save", "-t", "nat")).toMatch(/--dport 18080 .*DNAT.*10\.244\.7\.1:80/);
    expect(node.run("tc", "qdisc", "show", "dev", "cali0761ccbeace")).toContain("tbf");
    // Debian's portmap 1.1.1 looks for IPv6 rules of an IPv4 container in its CHECK, so bandwidth's alone is run.
    if (cniVersion !== "0.3.1") await runtime.checkPlugin(list, "bandwidth", attach());
    await runtime.delNetworkList(list, attach());
    expect(node.run("iptables-save", "-t", "nat")).not.toContain("18080");
  });
});
