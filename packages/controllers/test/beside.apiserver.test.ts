import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEtcd, systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { createLogger, type LogRecord, Scope } from "@ocicat/kit";
import type { KubernetesDatastore } from "@ocicat/kubernetes";
import { PrivateControlPlane } from "@ocicat/lab/kubernetes";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startEtcd } from "../../datastore/test/support/etcd.ts";
import { openStore } from "../../kubernetes/test/support/cluster.ts";
import { kubernetesSide, startControllers } from "../src/index.ts";
import { CONTROLLER_NAMES } from "../src/options.ts";
import { eventually } from "./support/expect.ts";
import { FakeCluster, NAMESPACES, NODES, PODS, POLICIES, put, SERVICE_ACCOUNTS } from "./support/kubernetes.ts";

const ROOT = "/calico/resources/v3/projectcalico.org/";

/** A real etcd as the datastore, and a real API server beside it. */
describe("the controllers on etcd, with Kubernetes beside it", () => {
  const scope = new Scope("test");
  const log: LogRecord[] = [];
  let kubernetes: KubernetesDatastore;
  let store: ReturnType<typeof openEtcd>;
  let cluster: FakeCluster;
  beforeAll(async () => {
    const etcd = await startEtcd();
    scope.add("etcd", () => etcd.stop());
    const plane = await PrivateControlPlane.start({
      extra: { "kube-apiserver": ["--disable-admission-plugins=ServiceAccount"] },
    });
    scope.add("plane", () => plane.stop());
    kubernetes = openStore(plane);
    scope.add("kubernetes", () => kubernetes.close());
    store = openEtcd({ endpoints: [etcd.endpoint] });
    scope.add("client", () => store.close());
    cluster = new FakeCluster(kubernetes.api);
    const dir = mkdtempSync(join(tmpdir(), "oct-controllers-"));
    scope.add("files", () => rmSync(dir, { recursive: true, force: true }));
    await startControllers(
      {
        identity: "test",
        enabled: new Set(CONTROLLER_NAMES),
        environment: {},
        overrides: {},
        leaseSeconds: 3,
        perSecond: 1_000,
        host: "127.0.0.1",
        port: 0,
        socket: join(dir, "sock"),
        lagResolutionMs: 100,
      },
      {
        store,
        kubernetes: kubernetesSide(kubernetes, {}),
        clock: systemClock,
        random: systemRandom,
        logger: createLogger("", "info", (record) => void log.push(record)),
      },
      scope.child("controllers"),
    );
  }, 120_000);
  afterAll(() => scope.close());

  const row = async (key: string) => JSON.parse((await store.get(ROOT + key))?.value ?? "null") as unknown;
  const becomes = (key: string, expected: object | null) =>
    eventually(
      () => row(key),
      (seen) => {
        try {
          if (expected === null) expect(seen).toBeNull();
          else expect(seen).toMatchObject(expected);
          return true;
        } catch {
          return false;
        }
      },
    );

  it("namespaces and service accounts are profiles", async () => {
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop", labels: { team: "a" } } };
    await kubernetes.api.create(NAMESPACES, undefined, namespace);
    const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "web", labels: { role: "r" } } };
    await kubernetes.api.create(SERVICE_ACCOUNTS, "shop", account);
    await becomes("profiles/kns.shop", {
      spec: { labelsToApply: { "pcns.team": "a", "pcns.projectcalico.org/name": "shop" } },
    });
    await becomes("profiles/ksa.shop.web", { spec: { labelsToApply: { "pcsa.role": "r" } } });
    const place = { namespace: undefined, name: "shop" };
    await kubernetes.api.patch(NAMESPACES, place, { metadata: { labels: { team: "b" } } });
    await becomes("profiles/kns.shop", { spec: { labelsToApply: { "pcns.team": "b" } } });
    await kubernetes.api.delete(SERVICE_ACCOUNTS, { namespace: "shop", name: "web" });
    await becomes("profiles/ksa.shop.web", null);
    await becomes("profiles/kns.default", { metadata: { name: "kns.default" } });
  }, 30_000);

  it("network policies are Calico's", async () => {
    const spec = { podSelector: { matchLabels: { app: "db" } }, ingress: [{ ports: [{ port: 5432 }] }] };
    const policy = { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: "db" }, spec };
    await kubernetes.api.create(POLICIES, "default", policy);
    await becomes("networkpolicies/default/knp.default.db", {
      spec: {
        selector: "projectcalico.org/orchestrator == 'k8s' && app == 'db'",
        ingress: [{ action: "Allow", protocol: "TCP", destination: { ports: [5432] } }],
        types: ["Ingress"],
      },
    });
    await kubernetes.api.delete(POLICIES, { namespace: "default", name: "db" });
    await becomes("networkpolicies/default/knp.default.db", null);
  }, 30_000);

  it("labels of pods and nodes follow, and a node goes with Kubernetes' one", async () => {
    await cluster.node("n1", { zone: "a" });
    const orchRefs = [{ nodeName: "n1", orchestrator: "k8s" }];
    await put(
      store,
      "nodes",
      "Node",
      "n1",
      { bgp: { ipv4Address: "10.9.0.1/24" }, orchRefs },
      { labels: { own: "x" } },
    );
    await becomes("nodes/n1", { metadata: { labels: { own: "x", zone: "a" } }, spec: { orchRefs } });
    await cluster.pod("web", "n1", { labels: { app: "web" }, account: "default" });
    const endpoint = { orchestrator: "k8s", node: "n1", pod: "web", endpoint: "eth0", ipNetworks: ["10.0.0.5/32"] };
    const profiles = ["kns.default", "ksa.default.default"];
    await put(
      store,
      "workloadendpoints/default",
      "WorkloadEndpoint",
      "n1-k8s-web-eth0",
      { ...endpoint, profiles },
      {
        namespace: "default",
      },
    );
    const key = "workloadendpoints/default/n1-k8s-web-eth0";
    await becomes(key, { metadata: { labels: { app: "web" } }, spec: { serviceAccountName: "default", profiles } });
    await kubernetes.api.patch(PODS, { namespace: "default", name: "web" }, { metadata: { labels: { app: "new" } } });
    await becomes(key, { metadata: { labels: { app: "new", "projectcalico.org/namespace": "default" } } });
    await kubernetes.api.delete(NODES, { namespace: undefined, name: "n1" });
    await becomes("nodes/n1", null);
    // The plugin's and garbage collection's to delete.
    expect(await row(key)).not.toBeNull();
  }, 30_000);

  it("services get addresses out of the datastore's pools, and tell them in Kubernetes", async () => {
    const services = { cidr: "10.8.0.0/24", blockSize: 28, nodeSelector: "all()", allowedUses: ["LoadBalancer"] };
    await put(store, "ippools", "IPPool", "services", services);
    await cluster.service("web");
    const [address] = await eventually(
      () => cluster.told("web"),
      ({ length }) => length === 1,
    );
    expect(address).toMatch(/^10\.8\.0\./);
    expect(log.filter(({ level }) => level === "warning" || level === "error")).toEqual([]);
  }, 30_000);
});
