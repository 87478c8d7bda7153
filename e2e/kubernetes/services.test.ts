import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type RouterBird, startBird } from "../support/bird.ts";
import { eventually } from "../support/lab.ts";
import { agnhost, TestCluster } from "./support/cluster.ts";

/** A router of the operator's, outside of the cluster: it takes what nodes announce into its kernel, every way to it. */
const BIRD = `
router id 172.17.0.1;
protocol device { }
protocol kernel { ipv4 { import none; export all; }; merge paths on; }
template bgp nodes {
  local 172.17.0.1 as 65000;
  ipv4 { import all; export none; };
  error wait time 1, 2; connect delay time 1; connect retry time 1;
}
protocol bgp controlplane from nodes { neighbor 172.17.0.32 as 64512; }
protocol bgp node01 from nodes { neighbor 172.17.0.40 as 64512; }
`;

const INTERNET = "203.0.113.10";
const EXTERNAL = "198.51.100.7";
const NODES = { controlplane: "172.17.0.32", node01: "172.17.0.40" } as const;

/** What kube-proxy does in either of its modes, with Ocicat's rules beside its own. */
describe.each(["nftables", "iptables"] as const)("services, by kube-proxy with %s", (proxyMode) => {
  const cluster = new TestCluster({ proxyMode });
  let bird: RouterBird | undefined;
  let clusterIp = "";
  let serverIp = "";
  let clientIp = "";

  beforeAll(async () => {
    await cluster.up();
    await cluster.install();
    await cluster.kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=30s");
    const ports = [{ name: "web", containerPort: 80, hostPort: 8080 }];
    await cluster.apply(
      agnhost("server", { node: "node01", ports }),
      agnhost("client", { node: "controlplane" }),
      agnhost("other", { node: "controlplane" }),
      service("Cluster"),
    );
    await Promise.all(["server", "client", "other"].map((pod) => cluster.ready(pod)));
    clusterIp = await cluster.path("{.spec.clusterIP}", "service/server");
    serverIp = await cluster.podIp("server");
    clientIp = await cluster.podIp("client");
  });
  afterEach(() => cluster.kubectl("delete", "networkpolicy", "--all"));
  afterAll(async () => {
    await bird?.stop();
    expect(await cluster.down()).toEqual([]);
  });

  /** Whom the server sees when `from`, a pod or a machine, asks it by an address; undefined: no answer. */
  async function seen(from: string, target: string): Promise<string | undefined> {
    const command = ["curl", "-s", "--max-time", "1", `http://${target}/clientip`] as const;
    const isPod = ["server", "client", "other"].includes(from);
    const { code, stdout } = isPod ? await cluster.inPod(from, command) : await cluster.exec(from, ...command);
    return code === 0 ? stdout.replace(/:\d+$/, "") : undefined;
  }

  async function sees(from: string, target: string, source: string | undefined): Promise<void> {
    const found = await eventually(
      () => seen(from, target),
      (now) => now === source,
      20_000,
    ).catch(() => seen(from, target));
    expect(found, `${from} to ${target}`).toBe(source);
  }

  it("lead to their pods, from pods as themselves", async () => {
    await sees("client", clusterIp, clientIp);
    await sees("client", serverIp, clientIp);
    // A pod that reaches itself by its service must not see itself: its answers would not come back.
    await sees("server", clusterIp, NODES.node01);
    await sees("node01", clusterIp, NODES.node01);
    await sees("controlplane", clusterIp, NODES.controlplane);
  });

  it("are reached from outside at ports of the nodes, and pods at ports of their own", async () => {
    await sees("internet", `${NODES.node01}:30080`, NODES.node01);
    await sees("internet", `${NODES.controlplane}:30080`, NODES.controlplane);
    await sees("internet", `${NODES.node01}:8080`, INTERNET);
    await cluster.apply(service("Local"));
    await sees("internet", `${NODES.node01}:30080`, INTERNET);
    await sees("internet", `${NODES.controlplane}:30080`, undefined);
    await cluster.apply(service("Cluster"));
    await sees("internet", `${NODES.controlplane}:30080`, NODES.controlplane);
  });

  it("are judged by who asks and by the pod that answers, at its port's name", async () => {
    await cluster.apply(ingressFrom({ podSelector: { matchLabels: { app: "client" } } }));
    await sees("other", clusterIp, undefined);
    await sees("client", clusterIp, clientIp);
    await sees("client", serverIp, clientIp);
    await sees("internet", `${NODES.node01}:30080`, undefined);
    await sees("internet", `${NODES.node01}:8080`, undefined);
    // A node reaches its own pods, whatever policies say.
    await sees("node01", clusterIp, NODES.node01);
  });

  it("are judged by the real source on the node that the packet reaches, before it gets that node's address", async () => {
    await cluster.apply(ingressFrom({ ipBlock: { cidr: `${INTERNET}/32` } }));
    await sees("client", clusterIp, undefined);
    await sees("internet", `${NODES.node01}:30080`, NODES.node01);
    await sees("internet", `${NODES.node01}:8080`, INTERNET);
    // The other node has put its own address there.
    await sees("internet", `${NODES.controlplane}:30080`, undefined);
    await cluster.apply(ingressFrom({ ipBlock: { cidr: `${NODES.controlplane}/32` } }));
    await sees("internet", `${NODES.controlplane}:30080`, NODES.controlplane);
  });

  it("may be what a policy lets out to, whoever their endpoints are", async () => {
    const policy = {
      apiVersion: "crd.projectcalico.org/v1",
      kind: "GlobalNetworkPolicy",
      metadata: { name: "to-server" },
      spec: {
        selector: "app == 'client'",
        types: ["Egress"],
        egress: [{ action: "Allow", destination: { services: { name: "server", namespace: "default" } } }],
      },
    };
    await cluster.apply(policy);
    await sees("client", clusterIp, clientIp);
    expect(await seen("client", await cluster.podIp("other"))).toBeUndefined();
    await cluster.kubectl("patch", "service", "server", "-p", '{"spec":{"selector":{"app":"other"}}}');
    await sees("client", serverIp, undefined);
    await sees("client", await cluster.podIp("other"), clientIp);
    await cluster.kubectl("patch", "service", "server", "-p", '{"spec":{"selector":{"app":"server"}}}');
    await sees("client", serverIp, clientIp);
    await cluster.kubectl("delete", "globalnetworkpolicies.crd.projectcalico.org", "to-server");
  });

  it("are announced to a router, which sends packets to nodes that have a ready endpoint", async () => {
    const start = (where: string, ...command: [string, ...string[]]) => cluster.startIn(where, ...command);
    bird = await startBird({ name: cluster.name, start }, "gateway", BIRD);
    await cluster.apply(
      {
        apiVersion: "crd.projectcalico.org/v1",
        kind: "BGPPeer",
        metadata: { name: "gateway" },
        spec: { peerIP: "172.17.0.1", asNumber: 65000 },
      },
      {
        apiVersion: "crd.projectcalico.org/v1",
        kind: "BGPConfiguration",
        metadata: { name: "default" },
        spec: { serviceClusterIPs: [{ cidr: "10.96.0.0/16" }], serviceExternalIPs: [{ cidr: "198.51.100.0/24" }] },
      },
    );
    const routes = async () => {
      const all = JSON.parse(await cluster.out("gateway", "ip", "-j", "route")) as Route[];
      return all.filter(({ dst }) => /^(?:10\.96|198\.51)\./.test(dst)).map(routeText);
    };
    const eventuallyRoutes = async (...wanted: string[]) => {
      const found = await eventually(routes, (now) => now.join() === wanted.join(), 20_000).catch(routes);
      expect(found).toEqual(wanted);
    };
    const both = `${NODES.controlplane} ${NODES.node01}`;
    const whole = [`10.96.0.0/16 ${both}`, `198.51.100.0/24 ${both}`] as const;
    const alone = (node: string) => [whole[0], `${clusterIp} ${node}`, whole[1], `${EXTERNAL} ${node}`];
    await eventuallyRoutes(...whole);
    // Whichever of them the router chose has put its own address there.
    await eventually(
      () => seen("internet", EXTERNAL),
      (source) => Object.values<string | undefined>(NODES).includes(source),
    );
    await cluster.apply(service("Local"));
    await eventuallyRoutes(...alone(NODES.node01));
    await sees("internet", EXTERNAL, INTERNET);
    await sees("internet", clusterIp, INTERNET);
    // Not ready, hence not there: the pod goes on, and its service is elsewhere.
    await cluster.kubectl("patch", "service", "server", "-p", '{"spec":{"selector":{"app":"other"}}}');
    await eventuallyRoutes(...alone(NODES.controlplane));
    await cluster.kubectl("delete", "pod", "other", "--now");
    await eventuallyRoutes(...whole);
    // An address that no service has: its packets go to a node, and end there.
    expect(await seen("internet", "10.96.200.200")).toBeUndefined();
  });

  function service(policy: "Cluster" | "Local"): object {
    return {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "server", namespace: "default" },
      spec: {
        type: "NodePort",
        externalTrafficPolicy: policy,
        externalIPs: [EXTERNAL],
        selector: { app: "server" },
        ports: [{ port: 80, targetPort: 80, nodePort: 30080 }],
      },
    };
  }

  function ingressFrom(peer: object): object {
    return {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: "server", namespace: "default" },
      spec: {
        podSelector: { matchLabels: { app: "server" } },
        ingress: [{ from: [peer], ports: [{ port: "web" }] }],
      },
    };
  }
});

interface Route {
  readonly dst: string;
  readonly gateway?: string;
  readonly nexthops?: readonly { readonly gateway: string }[];
}

function routeText({ dst, gateway, nexthops = [] }: Route): string {
  return [dst, ...(gateway === undefined ? nexthops.map((hop) => hop.gateway) : [gateway]).sort()].join(" ");
}
