import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEtcd, systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { auditIpam } from "@ocicat/ipam";
import { createLogger, type LogRecord, Scope, silentLogger } from "@ocicat/kit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startEtcd } from "../../datastore/test/support/etcd.ts";
import { etcdctl } from "../../datastore/test/support/etcdctl.ts";
import { LEADER_KEY, type RunningControllers, startControllers } from "../src/index.ts";
import { CONTROLLER_NAMES } from "../src/options.ts";
import { eventually } from "./support/expect.ts";
import { FakeAgent, pool } from "./support/fake-agent.ts";

let scope: Scope;
let endpoint: string;
let dir: string;
beforeEach(async () => {
  scope = new Scope("test");
  const etcd = await startEtcd();
  scope.add("etcd", () => etcd.stop());
  endpoint = etcd.endpoint;
  dir = mkdtempSync(join(tmpdir(), "oct-controllers-"));
  scope.add("files", () => rmSync(dir, { recursive: true, force: true }));
});
afterEach(() => scope.close());

function open() {
  const store = openEtcd({ endpoints: [endpoint] });
  scope.add("client", () => store.close());
  return store;
}

async function instance(name: string, log: LogRecord[] = []): Promise<RunningControllers> {
  return await startControllers(
    {
      identity: name,
      enabled: new Set(CONTROLLER_NAMES),
      environment: {},
      overrides: {},
      leaseSeconds: 2,
      perSecond: 1_000,
      host: "127.0.0.1",
      port: 0,
      socket: join(dir, `${name}.sock`),
      lagResolutionMs: 100,
    },
    {
      store: open(),
      clock: systemClock,
      random: systemRandom,
      logger: log === undefined ? silentLogger : createLogger("", "info", (record) => void log.push(record)),
    },
    scope.child(name),
  );
}

function agentOn(name: string): FakeAgent {
  const pools = [pool("default", "10.0.0.0/24")];
  return new FakeAgent({ store: open(), clock: systemClock, random: systemRandom, name, pools });
}

async function configure(spec: object): Promise<void> {
  const resource = {
    kind: "KubeControllersConfiguration",
    apiVersion: "projectcalico.org/v3",
    metadata: { name: "default" },
    spec,
  };
  const key = "/calico/resources/v3/projectcalico.org/kubecontrollersconfigurations/default";
  await etcdctl(endpoint, "put", key, JSON.stringify(resource));
}

async function metrics({ port }: RunningControllers): Promise<string> {
  return await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
}

const POOL = {
  kind: "IPPool",
  apiVersion: "projectcalico.org/v3",
  metadata: { name: "default" },
  spec: { cidr: "10.0.0.0/24", blockSize: 26, nodeSelector: "all()" },
};

describe("the controllers on etcd", () => {
  it("tell what there is and what waits, by Calico's names, and when it will be collected", async () => {
    await etcdctl(endpoint, "put", "/calico/resources/v3/projectcalico.org/ippools/default", JSON.stringify(POOL));
    const reservation = {
      kind: "IPReservation",
      apiVersion: "projectcalico.org/v3",
      metadata: { name: "some" },
      spec: { reservedCIDRs: ["10.0.0.0/30", "10.0.0.1/32", "10.9.0.0/16"] },
    };
    await etcdctl(
      endpoint,
      "put",
      "/calico/resources/v3/projectcalico.org/ipreservations/some",
      JSON.stringify(reservation),
    );
    const agent = agentOn("node1");
    await agent.register();
    await agent.add("one", "c1");
    await agent.addHalf("two", "c2");
    const controllers = await instance("a");
    const { candidates } = await eventually(
      () => controllers.backlog(),
      (report) => report.leading && report.candidates.length === 1,
    );
    expect(candidates[0]).toMatchObject({
      subject: "handle net.c2",
      reason: "container-gone",
      node: "node1",
      addresses: [expect.stringMatching(/^10\.0\.0\./)],
      attempts: 0,
    });
    expect(candidates[0]?.dueInSeconds).toBeGreaterThan(890);
    const text = await metrics(controllers);
    for (const line of [
      `ipam_allocations_in_use{ippool="default",node="node1"} 2`,
      `ipam_allocations_gc_candidates{ippool="default",node="node1"} 1`,
      `ipam_blocks{ippool="default",node="node1"} 1`,
      `ipam_ippool_size{ippool="default"} 256`,
      `ipam_ippool_reserved{ippool="default"} 4`,
      `ipam_allocations_per_node{node="node1"} 2`,
      `ipam_blocks_per_node{node="node1"} 1`,
      `ocicat_controllers_leading 1`,
      `ocicat_controllers_backlog{reason="container-gone"} 1`,
      `ocicat_controllers_missed_total 0`,
    ]) {
      expect(text.split("\n")).toContain(line);
    }
    expect(text).not.toContain("ipam_allocations_borrowed{");
    // A shorter grace period holds at once.
    await configure({ controllers: { node: { leakGracePeriod: "100ms" } } });
    await eventually(
      () => controllers.backlog().candidates,
      ({ length }) => length === 0,
    );
    expect(await metrics(controllers)).toContain(`ipam_allocations_gc_reclamations{ippool="default",node="node1"} 1\n`);
    expect((await auditIpam(open())).length).toBe(0);
  });

  it("collect nothing while the datastore is locked, and when they are told not to", async () => {
    const agent = agentOn("node1");
    await agent.register();
    await agent.addHalf("two", "c2");
    await configure({ controllers: { node: { leakGracePeriod: "0s" } } });
    const cluster = (datastoreReady: boolean) =>
      etcdctl(
        endpoint,
        "put",
        "/calico/resources/v3/projectcalico.org/clusterinformations/default",
        JSON.stringify({
          kind: "ClusterInformation",
          apiVersion: "projectcalico.org/v3",
          metadata: { name: "default" },
          spec: { datastoreReady },
        }),
      );
    await cluster(false);
    const controllers = await instance("a");
    await eventually(
      () => controllers.backlog(),
      ({ idle }) => idle?.includes("leakGracePeriod is 0s") === true,
    );
    expect(controllers.backlog().candidates[0]?.dueInSeconds).toBeUndefined();
    await configure({ controllers: { node: { leakGracePeriod: "1ms" } } });
    await eventually(
      () => controllers.backlog(),
      ({ idle }) => idle?.includes("locked") === true,
    );
    expect(controllers.backlog().candidates).toHaveLength(1);
    await cluster(true);
    await eventually(
      () => controllers.backlog(),
      ({ candidates }) => candidates.length === 0,
    );
  });

  it("make history shorter, to what was a period ago and no further", async () => {
    await configure({ etcdV3CompactionPeriod: "500ms" });
    await etcdctl(endpoint, "put", "/calico/x", "first");
    const log: LogRecord[] = [];
    const store = open();
    const { modRevision } = await store.put("/calico/x", "second");
    await instance("a", log);
    await eventually(
      () =>
        store.get("/calico/x", modRevision - 1n).then(
          () => "there",
          (error: { code: string }) => error.code,
        ),
      (found) => found === "COMPACTED",
    );
    expect((await store.get("/calico/x"))?.value).toBe("second");
    expect(log.map(({ message }) => message)).toContain("history compacted");
  });

  it("go on under another when the leader is frozen, and the frozen one can do nothing when it wakes", async () => {
    await configure({ controllers: { node: { leakGracePeriod: "1s" } } });
    const command = new URL("../../cli/bin/ocicat.js", import.meta.url).pathname;
    const frozen = spawn(process.execPath, [command, "controllers", "run"], {
      stdio: ["ignore", "pipe", "inherit"],
      env: {
        PATH: process.env["PATH"] ?? "",
        ETCD_ENDPOINTS: endpoint,
        OCICAT_CONTROLLERS_SOCKET: join(dir, "frozen.sock"),
        OCICAT_CONTROLLERS_PORT: "0",
        OCICAT_CONTROLLERS_LEASE_SECONDS: "2",
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
    const agent = agentOn("node1");
    await agent.register();
    await agent.addHalf("two", "c2");
    frozen.kill("SIGSTOP");
    await eventually(
      () => next.isLeading(),
      (isLeading) => isLeading,
      15_000,
    );
    await eventually(
      () => next.backlog().candidates,
      ({ length }) => length === 0,
    );
    // It wakes with garbage at hand that is due for long, and a term that is over.
    await agent.addHalf("three", "c3");
    await next.stop();
    await etcdctl(endpoint, "put", LEADER_KEY, `{"holder":"somebody"}`);
    frozen.kill("SIGCONT");
    await eventually(
      () => said,
      (text) => text.includes("no longer leading"),
      15_000,
    );
    expect(said).not.toContain("net.c3");
    expect(await etcdctl(endpoint, "get", "/calico/ipam/v2/handle/net.c3", "--keys-only")).toContain("net.c3");
    // Once nobody leads it may again.
    await etcdctl(endpoint, "del", LEADER_KEY);
    await eventually(
      () => said,
      (text) => text.includes('"collected"') && text.includes("net.c3"),
      15_000,
    );
  }, 60_000);
});
