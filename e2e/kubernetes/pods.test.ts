import { isObject } from "@ocicat/api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CALICO_REQUESTS_PER_POD } from "../../bench/kubernetes/calico-requests.ts";
import { eventually } from "../support/lab.ts";
import { agnhost, expectReach, reaches, TestCluster } from "./support/cluster.ts";

/** What pods of a cluster may expect of their network: each other, services, ports of their node, limits, policies. */
describe("pods of a cluster", () => {
  const cluster = new TestCluster();

  beforeAll(async () => {
    await cluster.up();
    await cluster.install();
    await cluster.kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=20s");
    await cluster.apply(
      agnhost("client", { node: "controlplane", labels: { role: "client" } }),
      agnhost("near", { node: "controlplane", labels: { role: "server" } }),
      agnhost("far", {
        node: "node01",
        labels: { role: "server" },
        ports: [{ name: "web", containerPort: 80, hostPort: 8080 }],
      }),
    );
    await Promise.all(["client", "near", "far"].map((pod) => cluster.ready(pod)));
  });
  afterAll(async () => {
    expect(await cluster.down()).toEqual([]);
  });

  const hostname = async (pod: string, url: string): Promise<string> => {
    const { stdout } = await cluster.inPod(pod, ["curl", "-s", "--max-time", "2", `http://${url}/hostname`]);
    return stdout;
  };

  it("reach each other on one node and on two", async () => {
    for (const pod of ["near", "far"]) expect(await hostname("client", await cluster.podIp(pod))).toBe(pod);
  });

  it("see who asks: no address is changed between pods", async () => {
    const { stdout } = await cluster.inPod("client", ["curl", "-s", `http://${await cluster.podIp("far")}/clientip`]);
    expect(stdout.replace(/:\d+$/, "")).toBe(await cluster.podIp("client"));
  });

  it("reach services by their addresses, wherever the pods behind them are", async () => {
    await cluster.kubectl("create", "service", "clusterip", "servers", "--tcp=8000:80");
    await cluster.kubectl("patch", "service", "servers", "--type=json", `-p=${SELECT_SERVERS}`);
    const address = await cluster.path("{.spec.clusterIP}", "service/servers");
    const seen = new Set<string>();
    await eventually(
      async () => seen.add(await hostname("client", `${address}:8000`)),
      (names) => names.has("near") && names.has("far"),
      30_000,
    );
  });

  it("are reached at a port of their node, from outside and from pods", async () => {
    const { stdout } = await cluster.exec(
      "internet",
      "curl",
      "-s",
      "--max-time",
      "2",
      "http://172.17.0.40:8080/hostname",
    );
    expect(stdout).toBe("far");
    expect(await hostname("client", "172.17.0.40:8080")).toBe("far");
  });

  it("are reached by a service's node port", async () => {
    await cluster.kubectl("expose", "pod", "far", "--name=far-everywhere", "--type=NodePort", "--port=80");
    const port = await cluster.path("{.spec.ports[0].nodePort}", "service/far-everywhere");
    for (const node of ["172.17.0.32", "172.17.0.40"]) {
      const { stdout } = await eventually(
        () => cluster.exec("internet", "curl", "-s", "--max-time", "2", `http://${node}:${port}/hostname`),
        ({ code }) => code === 0,
      );
      expect(stdout).toBe("far");
    }
  });

  it("have the bandwidth that Kubernetes' annotations say, past a burst that runtimes make of half a gigabyte", async () => {
    const limits = { "kubernetes.io/ingress-bandwidth": "8M", "kubernetes.io/egress-bandwidth": "8M" };
    await cluster.apply(agnhost("shaped", { node: "node01", annotations: limits }));
    await cluster.ready("shaped");
    const { stdout } = await cluster.ocicat("get", "workloadendpoints");
    const device = /^shaped +.* (cali[0-9a-f]{11})/m.exec(stdout)?.[1] ?? "";
    expect(await cluster.out("node01", "tc", "qdisc", "show", "dev", device)).toMatch(/qdisc tbf .* rate 8Mbit/);
    // What it sends is shaped behind a mirror, where the plugin's own device is.
    const all = await cluster.out("node01", "tc", "qdisc", "show");
    expect(all.match(/rate 8Mbit/g)).toHaveLength(2);
  });

  it("have the bandwidth that Calico's annotations say", async () => {
    const limits = Object.fromEntries(
      ["ingress", "egress"].flatMap((way) => [
        [`qos.projectcalico.org/${way}Bandwidth`, "8M"],
        [`qos.projectcalico.org/${way}Burst`, "1M"],
      ]),
    );
    await cluster.apply(
      agnhost("limited", { node: "node01", annotations: limits }),
      agnhost("measured", { node: "node01", command: ["iperf3", "-s"] }),
    );
    await Promise.all([cluster.ready("limited"), cluster.ready("measured")]);
    const ip = await cluster.podIp("measured");
    for (const direction of [[], ["-R"]]) {
      const measure = ["iperf3", "-c", ip, "-t", "3", "-J", ...direction];
      const { stdout } = await eventually(
        () => cluster.inPod("limited", measure),
        ({ code }) => code === 0,
        30_000,
      );
      expect(receivedRate(stdout), `iperf3 ${direction.join()}`).toBeGreaterThan(4e6);
      expect(receivedRate(stdout), `iperf3 ${direction.join()}`).toBeLessThan(12e6);
    }
  });

  it("are let in by a NetworkPolicy only if it says so, and as soon as labels say so", async () => {
    const far = `${await cluster.podIp("far")}:80`;
    await cluster.apply(
      networkPolicy("far-from-clients", "far", [{ podSelector: { matchLabels: { trusted: "yes" } } }]),
    );
    await expectReach(cluster, "client", far, false);
    // Who is not selected is not concerned.
    expect(await reaches(cluster, "client", `${await cluster.podIp("near")}:80`)).toBe(true);
    // The kubelet's probes come from the node, and a policy is not for those.
    expect(await cluster.path("{.status.containerStatuses[0].ready}", "pod/far")).toBe("true");
    await cluster.kubectl("label", "pod", "client", "trusted=yes");
    await expectReach(cluster, "client", far, true);
    await cluster.kubectl("label", "pod", "client", "trusted-");
    await expectReach(cluster, "client", far, false);
  });

  it("are let in by a namespace's labels, as those change", async () => {
    const far = `${await cluster.podIp("far")}:80`;
    await cluster.kubectl("create", "namespace", "other");
    await cluster.kubectl("wait", "--for=create", "-n", "other", "serviceaccount/default", "--timeout=20s");
    await cluster.apply(
      agnhost("guest", { node: "controlplane", namespace: "other" }),
      networkPolicy("far-from-namespaces", "far", [{ namespaceSelector: { matchLabels: { team: "a" } } }]),
    );
    await cluster.ready("guest", "other");
    await expectReach(cluster, "guest", far, false, "other");
    await cluster.kubectl("label", "namespace", "other", "team=a");
    await expectReach(cluster, "guest", far, true, "other");
    await cluster.kubectl("label", "namespace", "other", "team-");
    await expectReach(cluster, "guest", far, false, "other");
    await cluster.kubectl("delete", "networkpolicy", "--all");
    await expectReach(cluster, "guest", far, true, "other");
  });

  it("are told apart by their service accounts in Calico's policies", async () => {
    const near = `${await cluster.podIp("near")}:80`;
    await cluster.kubectl("create", "serviceaccount", "friend");
    await cluster.apply(
      agnhost("friendly", { node: "node01", spec: { serviceAccountName: "friend" } }),
      crd("NetworkPolicy", "default.near-by-account", {
        selector: "app == 'near'",
        types: ["Ingress"],
        ingress: [{ action: "Allow", source: { serviceAccounts: { names: ["friend"] } } }],
      }),
    );
    await cluster.ready("friendly");
    await expectReach(cluster, "client", near, false);
    await expectReach(cluster, "friendly", near, true);
    await cluster.kubectl("delete", "networkpolicies.crd.projectcalico.org", "default.near-by-account");
    await expectReach(cluster, "client", near, true);
  });

  it("get the address that they ask for", async () => {
    const annotations = { "cni.projectcalico.org/ipAddrs": '["192.168.200.77"]' };
    await cluster.apply(agnhost("chosen", { node: "node01", annotations }));
    await cluster.ready("chosen");
    expect(await cluster.podIp("chosen")).toBe("192.168.200.77");
    expect(await hostname("client", "192.168.200.77")).toBe("chosen");
  });

  it("cost the API server less than half of Calico's requests, from their creation until nothing is left of them", async () => {
    const names = Array.from({ length: 10 }, (_, index) => `counted-${index}`);
    const cables = async () => (await cluster.out("node01", "ip", "-o", "link")).match(/: cali/g)?.length ?? 0;
    // A lease is renewed and a watch begun again at its own time.
    const asked = () =>
      cluster.kubernetes
        .controlPlane()
        .audited()
        .filter(({ verb, resource }) => verb !== "watch" && resource !== "leases").length;
    const [before, cablesBefore] = [asked(), await cables()];
    await cluster.apply(...names.map((name) => agnhost(name, { node: "node01", args: ["pause"] })));
    await Promise.all(names.map((name) => cluster.ready(name)));
    await cluster.kubectl("delete", "pods", ...names, "--wait");
    await eventually(cables, (there) => there === cablesBefore);
    const each = (asked() - before) / names.length;
    expect(each).toBeGreaterThan(4);
    expect(each).toBeLessThan(CALICO_REQUESTS_PER_POD / 2);
  });

  it("leave nothing when they are gone", async () => {
    await cluster.kubectl("delete", "pods", "--all", "--wait");
    await cluster.kubectl("delete", "namespace", "other", "--wait", "--ignore-not-found");
    await eventually(
      () => cluster.ocicat("get", "workloadendpoints", "--all-namespaces"),
      ({ stdout }) => !/client|near|far|limited|measured|guest|chosen|friendly/.test(stdout),
      30_000,
    );
    const { stdout, code } = await cluster.ocicat("ipam", "check");
    expect([code, stdout]).toEqual([0, expect.stringContaining("0")]);
    // The cluster's own pods stay, like its DNS.
    const { stdout: endpoints } = await cluster.ocicat("get", "workloadendpoints", "--all-namespaces");
    const links = await cluster.out("node01", "ip", "-o", "link");
    const [known, there] = [
      endpoints
        .split("\n")
        .filter((line) => line.includes(" node01 "))
        .join(),
      links,
    ].map((text) => [...text.matchAll(/\bcali[0-9a-f]{11}/g)].map(([name]) => name).sort());
    expect(there).toEqual(known);
  });
});

/** Bits a second, of iperf3's JSON; NaN if it has none. */
function receivedRate(report: string): number {
  const value: unknown = JSON.parse(report);
  const end = isObject(value) && isObject(value["end"]) ? value["end"] : {};
  const sum = isObject(end["sum_received"]) ? end["sum_received"] : {};
  return Number(sum["bits_per_second"]);
}

const SELECT_SERVERS = JSON.stringify([{ op: "replace", path: "/spec/selector", value: { role: "server" } }]);

function networkPolicy(name: string, app: string, from: readonly object[]): object {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name, namespace: "default" },
    spec: { podSelector: { matchLabels: { app } }, policyTypes: ["Ingress"], ingress: [{ from }] },
  };
}

/** A policy of Calico's, as its API group stores it. */
function crd(kind: string, name: string, spec: object): object {
  return {
    apiVersion: "crd.projectcalico.org/v1",
    kind,
    metadata: { name, namespace: "default" },
    spec,
  };
}
