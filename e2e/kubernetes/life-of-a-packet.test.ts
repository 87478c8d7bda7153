import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../support/lab.ts";
import { TestCluster } from "./support/cluster.ts";

/** "Life of a Packet in Kubernetes", part 2, step by step, on what it is about: a cluster of two nodes without a network. */
describe("the walk-through's cluster", () => {
  const cluster = new TestCluster();

  beforeAll(() => cluster.up());
  afterAll(async () => {
    expect(await cluster.down()).toEqual([]);
  });

  const nodeStatus = () => cluster.path('{.items[*].status.conditions[?(@.type=="Ready")].status}', "nodes");
  const podOn = (node: string, field: string) =>
    cluster.path(`{.items[0].${field}}`, "pods", "-l", "app=busybox", `--field-selector=spec.nodeName=${node}`);
  const ping = async (): Promise<string> => {
    const [from, to] = await Promise.all([podOn("controlplane", "metadata.name"), podOn("node01", "status.podIP")]);
    const { stdout } = await cluster.inPod(from, ["ping", to, "-c", "1", "-W", "2"]);
    return stdout;
  };

  it("has nodes that are NotReady, and pods that wait", async () => {
    expect(await nodeStatus()).toBe("False False");
    await cluster.kubectl("apply", "-f", manifestFile());
    await cluster.kubectl(
      "wait",
      "--for=jsonpath={.status.replicas}=2",
      "deployment/busybox-deployment",
      "--timeout=30s",
    );
    expect(await cluster.path("{.items[*].status.phase}", "pods")).toBe("Pending Pending");
  });

  it("is Ready after kubectl apply", async () => {
    await cluster.install();
    expect(await nodeStatus()).toBe("True True");
    await cluster.kubectl(
      "wait",
      "--for=condition=Available",
      "-n",
      "kube-system",
      "deployment/ocicat-controllers",
      "--timeout=90s",
    );
  });

  it("has the network's configuration and its plugins on each node", async () => {
    const conflist: unknown = JSON.parse(await cluster.out("node01", "cat", "/etc/cni/net.d/10-calico.conflist"));
    expect(conflist).toMatchObject({
      name: "k8s-pod-network",
      plugins: [
        { type: "calico", datastore_type: "kubernetes", nodename: "node01", ipam: { type: "calico-ipam" } },
        { type: "portmap", capabilities: { portMappings: true } },
        { type: "bandwidth", capabilities: { bandwidth: true } },
      ],
    });
    const programs = (await cluster.out("node01", "ls", "/opt/cni/bin")).split("\n");
    expect(programs).toEqual(expect.arrayContaining(["bandwidth", "calico", "calico-ipam", "portmap"]));
    // Nothing there would let anybody who reads it talk to the API.
    const secrets = await cluster.exec("node01", "grep", "-rlE", "token|client-key", "/etc/cni/net.d");
    expect(secrets.stdout).toBe("");
  });

  it("runs the Deployment's pods, one a node, each with an address of its node's block", async () => {
    await cluster.kubectl("wait", "--for=condition=Available", "deployment/busybox-deployment", "--timeout=90s");
    expect(await podOn("controlplane", "status.podIP")).toMatch(/^192\.168\.49\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])$/);
    expect(await podOn("node01", "status.podIP")).toMatch(/^192\.168\.196\.(12[89]|1[3-8]\d|19[01])$/);
  });

  it("has a workload endpoint of each", async () => {
    const { stdout } = await cluster.ocicat("get", "workloadendpoints");
    for (const node of ["controlplane", "node01"]) {
      const [name, ip] = await Promise.all([podOn(node, "metadata.name"), podOn(node, "status.podIP")]);
      expect(stdout).toMatch(new RegExp(`${name} +${node} +${ip}/32 +cali[0-9a-f]{11}`));
    }
  });

  it("has one BGP peer a node", async () => {
    const { stdout } = await cluster.exec("controlplane", process.execPath, cluster.ocicatScript, "node", "status");
    expect(stdout).toMatch(/172\.17\.0\.40 +\| node-to-node mesh \| up +\| [\d:]+ +\| Established/);
  });

  it("shows a pod one way out, to an address that is nowhere", async () => {
    const pod = await podOn("controlplane", "metadata.name");
    const { stdout: route } = await cluster.inPod(pod, ["ip", "route"]);
    expect(route).toMatch(/^default via 169\.254\.1\.1 dev eth0 *\n169\.254\.1\.1 dev eth0 scope link *\n$/);
    const { stdout: link } = await cluster.inPod(pod, ["ifconfig", "eth0"]);
    expect(link).toMatch(new RegExp(`inet addr:${await podOn("controlplane", "status.podIP")} .*Mask:255.255.255.255`));
  });

  it("routes a pod's packets to the other node's block, and answers ARP with ee:ee:ee:ee:ee:ee", async () => {
    const routes = await cluster.out("controlplane", "ip", "route");
    expect(routes).toContain("blackhole 192.168.49.64/26 proto bird");
    expect(routes).toMatch(/192\.168\.196\.128\/26 via 172\.17\.0\.40 dev ens3 proto bird/);
    expect(await ping()).toContain("1 packets transmitted, 1 packets received, 0% packet loss");
    const pod = await podOn("controlplane", "metadata.name");
    expect((await cluster.inPod(pod, ["arp", "-n"])).stdout).toContain("(169.254.1.1) at ee:ee:ee:ee:ee:ee [ether]");
  });

  it("reaches what is outside", async () => {
    const { stdout } = await cluster.inPod(await podOn("node01", "metadata.name"), ["ping", "-c", "1", "203.0.113.10"]);
    expect(stdout).toContain("1 packets received");
  });

  it("goes over to VXLAN with a file that is changed and applied, and back", async () => {
    const file = join(tmpdir(), `${cluster.name}-ippool.yaml`);
    for (const [mode, device] of [
      ["Always", /192\.168\.196\.128\/26 via \S+ dev vxlan\.calico/],
      ["Never", /192\.168\.196\.128\/26 via 172\.17\.0\.40 dev ens3/],
    ] as const) {
      const { stdout: pool } = await cluster.ocicat("get", "ippool", "default-ipv4-ippool", "-o", "yaml");
      writeFileSync(file, pool.replace(/vxlanMode: \w+/, `vxlanMode: ${mode}`));
      const { stdout } = await cluster.ocicat("apply", "-f", file);
      expect(stdout).toBe("Successfully applied 1 'IPPool' resource(s)\n");
      await eventually(
        () => cluster.out("controlplane", "ip", "route"),
        (routes) => device.test(routes),
        30_000,
      );
      expect(await ping()).toContain("1 packets received");
    }
  });
});

describe("the walk-through's cluster without BGP", () => {
  const cluster = new TestCluster();

  beforeAll(async () => {
    await cluster.up();
    await cluster.install({
      config: { calico_backend: "vxlan" },
      environment: { CALICO_IPV4POOL_VXLAN: "Always" },
    });
  });
  afterAll(async () => {
    expect(await cluster.down()).toEqual([]);
  });

  it("carries pods' packets in VXLAN", async () => {
    await cluster.kubectl("apply", "-f", manifestFile());
    await cluster.kubectl("wait", "--for=condition=Available", "deployment/busybox-deployment", "--timeout=90s");
    expect(await cluster.out("controlplane", "ip", "route")).toMatch(
      /192\.168\.196\.128\/26 via 192\.168\.196\.\d+ dev vxlan\.calico (proto \S+ )?onlink/,
    );
    expect(await cluster.out("controlplane", "ip", "-4", "addr", "show", "vxlan.calico")).toMatch(
      /inet 192\.168\.49\.\d+\/32/,
    );
    const pods = await cluster.path("{range .items[*]}{.metadata.name} {.status.podIP} {end}", "pods");
    const [first = "", , , other = ""] = pods.split(" ");
    const { stdout } = await cluster.inPod(first, ["ping", other, "-c", "1", "-W", "2"]);
    expect(stdout).toContain("1 packets received");
  });
});

/** As it is printed there, with each pod on a node of its own. */
function manifestFile(): string {
  return new URL("./support/busybox-deployment.yaml", import.meta.url).pathname;
}
