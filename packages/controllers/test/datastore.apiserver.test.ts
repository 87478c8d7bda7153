import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { createLogger, type LogRecord, Scope } from "@ocicat/kit";
import type { KubernetesDatastore } from "@ocicat/kubernetes";
import type { PrivateControlPlane } from "@ocicat/lab/kubernetes";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openStore, startCluster } from "../../kubernetes/test/support/cluster.ts";
import { kubernetesSide, type RunningControllers, startControllers } from "../src/index.ts";
import { CONTROLLER_NAMES } from "../src/options.ts";
import { eventually } from "./support/expect.ts";
import { assign, FakeCluster, ipamOf, NODES, put, SERVICES } from "./support/kubernetes.ts";

/** With Kubernetes as the datastore: one real API server for the file; each test has nodes and pods of its own names. */
describe("the controllers on Kubernetes", () => {
  let plane: PrivateControlPlane;
  let store: KubernetesDatastore;
  let cluster: FakeCluster;
  let scope: Scope;
  let dir: string;
  beforeAll(async () => {
    plane = await startCluster({ extra: { "kube-apiserver": ["--disable-admission-plugins=ServiceAccount"] } }, [
      "crd.projectcalico.org/v1",
    ]);
    store = openStore(plane);
    cluster = new FakeCluster(store.api);
    await put(store, "ippools", "IPPool", "default", { cidr: "10.0.0.0/24", blockSize: 26, nodeSelector: "all()" });
    const services = { cidr: "10.8.0.0/24", blockSize: 28, nodeSelector: "all()", allowedUses: ["LoadBalancer"] };
    await put(store, "ippools", "IPPool", "services", services);
  }, 120_000);
  afterAll(async () => {
    await store?.close();
    await plane?.stop();
  });
  beforeEach(() => {
    scope = new Scope("test");
    dir = mkdtempSync(join(tmpdir(), "oct-controllers-"));
    scope.add("files", () => rmSync(dir, { recursive: true, force: true }));
  });
  afterEach(() => scope.close());

  const configure = (controllers: object) =>
    put(store, "kubecontrollersconfigurations", "KubeControllersConfiguration", "default", { controllers });
  const instance = async (name: string, log: LogRecord[] = []): Promise<RunningControllers> => {
    const own = openStore(plane);
    const running = scope.child(name);
    running.add("client", () => own.close());
    return await startControllers(
      {
        identity: name,
        enabled: new Set(CONTROLLER_NAMES),
        environment: {},
        overrides: {},
        leaseSeconds: 3,
        perSecond: 1_000,
        host: "127.0.0.1",
        port: 0,
        socket: join(dir, `${name}.sock`),
        lagResolutionMs: 100,
      },
      {
        store: own,
        kubernetes: kubernetesSide(own, {}),
        clock: systemClock,
        random: systemRandom,
        logger: createLogger("", "info", (record) => void log.push(record)),
      },
      running,
    );
  };
  const handles = async () =>
    (await store.list("/calico/ipam/v2/handle/")).items.map(({ key }) => key.slice("/calico/ipam/v2/handle/".length));

  it("give back what no pod has any more, and leave what pods have", async () => {
    await configure({ node: { leakGracePeriod: "1s" } });
    await cluster.node("gc1");
    await cluster.node("gc2");
    const [one, two] = [ipamOf(store, "gc1"), ipamOf(store, "gc2")];
    for (const pod of ["lives", "ends", "goes"]) await cluster.pod(pod, "gc1");
    await cluster.pod("elsewhere", "gc2");
    for (const pod of ["lives", "ends", "goes"])
      await cluster.runs(pod, `c-${pod}`, await assign(one, pod, `c-${pod}`));
    await cluster.runs("elsewhere", "c-elsewhere", await assign(two, "elsewhere", "c-elsewhere"));
    await assign(one, "half", "c-half");
    const log: LogRecord[] = [];
    const controllers = await instance("a", log);
    const held = (...containers: readonly string[]) => containers.map((each) => `k8s-pod-network.c-${each}`).sort();
    await eventually(
      handles,
      (seen) => `${seen.toSorted()}` === `${held("lives", "ends", "goes", "elsewhere")}`,
      20_000,
    );
    await cluster.ends("ends");
    await cluster.deletePod("goes");
    await store.api.delete(NODES, { namespace: undefined, name: "gc2" });
    await eventually(handles, (seen) => `${seen}` === `${held("lives")}`, 20_000);
    const blocks = async () => (await store.list("/calico/ipam/v2/")).items.filter(({ key }) => key.includes("/gc2/"));
    await eventually(blocks, (rows) => rows.length === 0, 20_000);
    const text = await (await fetch(`http://127.0.0.1:${controllers.port}/metrics`)).text();
    expect(text).toMatch(/^ipam_allocations_in_use\{ippool="default",node="gc1"\} \d+$/m);
    expect(text).toMatch(/^ipam_allocations_gc_reclamations\{ippool="default",node="gc1"\} \d+$/m);
    expect(text).toContain(`ocicat_controllers_missed_total 0\n`);
    const reasons = log.filter(({ message }) => message === "collected").map(({ fields }) => fields["reason"]);
    expect(new Set(reasons)).toEqual(new Set(["container-gone", "node-gone", "block-of-gone-node"]));
  }, 60_000);

  it("give services addresses, tell them, and take them back", async () => {
    await configure({});
    await instance("a");
    await cluster.service("web");
    await cluster.service("asked", {}, { "projectcalico.org/loadBalancerIPs": '["10.8.0.77"]' });
    await cluster.service("others", { loadBalancerClass: "example.com/metal" });
    const [address] = await eventually(
      () => cluster.told("web"),
      ({ length }) => length === 1,
    );
    expect(address).toMatch(/^10\.8\.0\./);
    await eventually(
      () => cluster.told("asked"),
      (told) => `${told}` === "10.8.0.77",
    );
    expect(await cluster.told("others")).toEqual([]);
    const lb = async () => (await handles()).filter((handle) => handle.startsWith("lb-"));
    expect(await lb()).toHaveLength(2);
    await store.api.patch(SERVICES, { namespace: "default", name: "asked" }, { spec: { type: "ClusterIP" } });
    await eventually(lb, ({ length }) => length === 1);
    await store.api.delete(SERVICES, { namespace: "default", name: "web" });
    await eventually(lb, ({ length }) => length === 0);
  }, 60_000);

  it("make host endpoints of nodes that follow them", async () => {
    const endpoints = async () =>
      (await store.list("/calico/resources/v3/projectcalico.org/hostendpoints/")).items.map(
        ({ key, value }) =>
          [key.split("/").at(-1), (JSON.parse(value) as { metadata: { labels: object } }).metadata.labels] as const,
      );
    await cluster.node("hep1", { zone: "a" });
    await configure({ node: { hostEndpoint: { autoCreate: "Enabled" } } });
    await instance("a");
    const mine = async () => (await endpoints()).filter(([name]) => name === "hep1-auto-hep");
    await eventually(mine, ([found]) => found?.[1] !== undefined && "zone" in found[1] && found[1].zone === "a");
    const status = async () =>
      (await store.get("/calico/resources/v3/projectcalico.org/kubecontrollersconfigurations/default"))?.value ?? "";
    await eventually(status, (text) => /"status":\{.*"runningConfig":.*"autoCreate":"Enabled"/.test(text));
    const place = { namespace: undefined, name: "hep1" };
    await store.api.patch(NODES, place, { metadata: { labels: { zone: "b" } } });
    await eventually(mine, ([found]) => found?.[1] !== undefined && "zone" in found[1] && found[1].zone === "b");
    await store.api.delete(NODES, place);
    await eventually(mine, ({ length }) => length === 0);
    await configure({});
    await eventually(endpoints, ({ length }) => length === 0);
  }, 60_000);

  it("go on under another, at once when the leader ends and after its time when it falls silent", async () => {
    await configure({ node: { leakGracePeriod: "1s" } });
    const first = await instance("first");
    await eventually(
      () => first.isLeading(),
      (isLeading) => isLeading,
      20_000,
    );
    const second = await instance("second");
    expect(second.isLeading()).toBe(false);
    await first.stop();
    await eventually(
      () => second.isLeading(),
      (isLeading) => isLeading,
    );
    const lease = await store.api.get(
      { group: "coordination.k8s.io", version: "v1", plural: "leases", namespaced: true },
      { namespace: "kube-system", name: "ocicat-controllers" },
    );
    expect(lease?.["spec"]).toMatchObject({
      leaseDurationSeconds: 3,
      holderIdentity: expect.stringMatching(/^second_/),
    });
  }, 60_000);

  it("go on under another when the leader is frozen, and the frozen one does nothing when it wakes", async () => {
    await configure({ node: { leakGracePeriod: "1s" } });
    await cluster.node("frozen1");
    const ipam = ipamOf(store, "frozen1");
    const command = new URL("../../cli/bin/ocicat.js", import.meta.url).pathname;
    const frozen = spawn(process.execPath, [command, "controllers", "run"], {
      stdio: ["ignore", "pipe", "inherit"],
      env: {
        PATH: process.env["PATH"] ?? "",
        DATASTORE_TYPE: "kubernetes",
        KUBECONFIG: plane.kubeconfig,
        ENABLED_CONTROLLERS: "node",
        OCICAT_CONTROLLERS_SOCKET: join(dir, "frozen.sock"),
        OCICAT_CONTROLLERS_PORT: "0",
        OCICAT_CONTROLLERS_LEASE_SECONDS: "3",
      },
    });
    const ended = once(frozen, "exit");
    scope.add("frozen", async () => {
      frozen.kill("SIGKILL");
      await ended;
    });
    let said = "";
    frozen.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    await eventually(
      () => said,
      (text) => text.includes('"leading"'),
      30_000,
    );
    const next = await instance("next");
    frozen.kill("SIGSTOP");
    await eventually(
      () => next.isLeading(),
      (isLeading) => isLeading,
      30_000,
    );
    await assign(ipam, "half", "c-frozen");
    const isHeld = async () => (await handles()).includes("k8s-pod-network.c-frozen");
    await eventually(isHeld, (held) => !held, 20_000);
    frozen.kill("SIGCONT");
    await eventually(
      () => said,
      (text) => text.includes("no longer leading"),
      20_000,
    );
    expect(said).not.toContain("c-frozen");
    expect(next.isLeading()).toBe(true);
  }, 120_000);
});
