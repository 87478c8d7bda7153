import { API_VERSION, KUBERNETES_OBJECTS } from "@ocicat/api";
import { MemoryDatastore } from "@ocicat/datastore";
import { auditIpam } from "@ocicat/ipam";
import { createLogger, type LogRecord, Scope, seededRandom, TestClock } from "@ocicat/kit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NO_FENCE } from "../../src/collect/index.ts";
import { LOAD_BALANCER_READS, LoadBalancer } from "../../src/load-balancer/load-balancer.ts";
import { handleOf } from "../../src/load-balancer/service.ts";
import type { AssignIps } from "../../src/load-balancer/wish.ts";
import { Mirror } from "../../src/mirror.ts";

const ROOT = "/calico/resources/v3/projectcalico.org/";

/** Kubernetes, as far as services are concerned: what is told becomes the service's status. */
class Services {
  readonly rows = new MemoryDatastore();
  readonly told: string[] = [];
  #uid = 0;

  async put(name: string, spec: object = {}, annotations: object = {}, uid = `uid-${++this.#uid}`): Promise<void> {
    const service = {
      metadata: { name, namespace: "shop", uid, annotations },
      spec: { type: "LoadBalancer", ipFamilies: ["IPv4"], ...spec },
      status: await this.#status(name),
    };
    await this.rows.put(this.key(name), JSON.stringify(service));
  }

  async addresses(name: string): Promise<readonly string[]> {
    const status = (await this.#status(name)) as { loadBalancer?: { ingress?: { ip: string }[] } };
    return (status.loadBalancer?.ingress ?? []).map(({ ip }) => ip).sort();
  }

  async tell(name: string, uid: string, addresses: readonly string[]): Promise<void> {
    this.told.push(`${name} ${addresses.join(",")}`);
    const stored = await this.#read(name);
    if (stored?.metadata.uid !== uid) throw new Error("another service by now");
    const status = { loadBalancer: { ingress: addresses.map((ip) => ({ ip })) } };
    await this.rows.put(this.key(name), JSON.stringify({ ...stored, status }));
  }

  key(name: string): string {
    return KUBERNETES_OBJECTS.service.storage.key(name, "shop") ?? "";
  }

  async #status(name: string): Promise<object> {
    return (await this.#read(name))?.status ?? {};
  }

  async #read(name: string) {
    const row = await this.rows.get(this.key(name));
    return row === undefined
      ? undefined
      : (JSON.parse(row.value) as { metadata: { uid: string }; spec: object; status?: object });
  }
}

function poolOf(name: string, cidr: string, more: object = {}) {
  const spec = { cidr, blockSize: cidr.includes(":") ? 124 : 28, allowedUses: ["LoadBalancer"], ...more };
  return JSON.stringify({ kind: "IPPool", apiVersion: API_VERSION, metadata: { name }, spec });
}

describe.each([{ transactions: true }, { transactions: false }])("services, on a store with %o", (abilities) => {
  const clock = new TestClock();
  let scope: Scope;
  let store: MemoryDatastore;
  let services: Services;
  let log: LogRecord[];
  let assign: AssignIps;
  let balancer: LoadBalancer;

  const rest = async () => {
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  const start = () => {
    scope = new Scope("test");
    log = [];
    const logger = createLogger("test", "info", (record) => void log.push(record));
    const parts = { clock, random: seededRandom(3), logger, scope };
    const term = { fence: NO_FENCE, since: 0 };
    balancer = new LoadBalancer({
      ...parts,
      store,
      tell: ({ name, uid }, addresses) => services.tell(name, uid, addresses),
      assign: () => assign,
      reservations: () => [],
      cooldownSeconds: () => 0,
      term: () => term,
      idleReason: () => mirrors.map(({ problem }) => problem).find((problem) => problem !== undefined),
      onWrite: () => {},
    });
    const mirrors = [
      new Mirror({
        ...parts,
        store,
        root: "/calico/",
        prefixes: LOAD_BALANCER_READS.store,
        sink: balancer.store,
      }),
      new Mirror({
        ...parts,
        store: services.rows,
        root: "/calico/",
        prefixes: LOAD_BALANCER_READS.kubernetes,
        sink: balancer.kubernetes,
      }),
    ];
    for (const part of [...mirrors, balancer]) part.start();
  };
  beforeEach(async () => {
    assign = "AllServices";
    store = new MemoryDatastore({ ...abilities, clock });
    services = new Services();
    await store.put(`${ROOT}ippools/lb`, poolOf("lb", "10.1.0.0/24"));
    start();
  });
  afterEach(async () => {
    await scope.close();
    expect(await auditIpam(store)).toEqual([]);
  });
  const held = async () =>
    (await store.list("/calico/ipam/v2/handle/")).items.map(({ key }) => key.slice("/calico/ipam/v2/handle/".length));

  it("get an address, tell it, and give it back when they go", async () => {
    await services.put("web", {}, {}, "u1");
    await rest();
    const addresses = await services.addresses("web");
    expect(addresses).toEqual([expect.stringMatching(/^10\.1\.0\./)]);
    expect(await held()).toEqual([handleOf({ name: "web", namespace: "shop", uid: "u1" })]);
    const [block] = (await store.list("/calico/ipam/v2/assignment/")).items;
    expect(JSON.parse(block?.value ?? "")).toMatchObject({
      affinity: "virtual:load-balancer",
      attributes: [{ secondary: { service: "web", namespace: "shop", type: "LoadBalancer" } }],
    });
    expect(services.told).toHaveLength(1);
    await services.rows.delete(services.key("web"));
    await rest();
    expect(await held()).toEqual([]);
  });

  it("give back what they held when they become another's, and tell nothing then", async () => {
    await services.put("web", {}, {}, "u1");
    await rest();
    await services.put("web", { type: "ClusterIP" }, {}, "u1");
    await rest();
    expect(await held()).toEqual([]);
    await services.put("web", {}, {}, "u2");
    await rest();
    expect(await held()).toEqual([handleOf({ name: "web", namespace: "shop", uid: "u2" })]);
  });

  it("get what they ask for, and lose first in their status what they do not ask for any more", async () => {
    await services.put("web", { loadBalancerIP: "10.1.0.77" }, {}, "u1");
    await rest();
    expect(await services.addresses("web")).toEqual(["10.1.0.77"]);
    await services.put("web", {}, { "projectcalico.org/loadBalancerIPs": '["10.1.0.78"]' }, "u1");
    await rest();
    expect(await services.addresses("web")).toEqual(["10.1.0.78"]);
    expect(services.told).toEqual(["web 10.1.0.77", "web ", "web 10.1.0.78"]);
    // Another's address is refused, and what one had is not there to fall back on.
    await services.put("other", { loadBalancerIP: "10.1.0.78" }, {}, "u2");
    await rest();
    expect(await services.addresses("other")).toEqual([]);
    expect(balancer.problems.get("shop/other")).toMatch(/10\.1\.0\.78/);
    await services.rows.delete(services.key("web"));
    await rest();
    clock.advance(1_000);
    balancer.wake();
    await rest();
    expect([await services.addresses("other"), balancer.problems.size]).toEqual([["10.1.0.78"], 0]);
  });

  it("get one of each family that there is, and the other when there is a pool for it", async () => {
    await services.put("web", { ipFamilies: ["IPv4", "IPv6"] });
    await rest();
    expect(await services.addresses("web")).toEqual([expect.stringMatching(/^10\.1\./)]);
    expect(balancer.problems.get("shop/web")).toMatch(/IPv6/);
    await store.put(`${ROOT}ippools/lb6`, poolOf("lb6", "fd00:1::/64"));
    await rest();
    expect(await services.addresses("web")).toEqual([
      expect.stringMatching(/^10\.1\./),
      expect.stringMatching(/^fd00:1:/),
    ]);
    expect(balancer.problems.size).toBe(0);
  });

  it("are served by pools they name, by pools for their namespace, and by no Manual one else", async () => {
    await store.put(`${ROOT}ippools/a`, poolOf("a", "10.2.0.0/24", { assignmentMode: "Manual" }));
    const named = { "projectcalico.org/ipv4pools": '["a"]' };
    await services.put("web", {}, named, "u1");
    await store.put(`${ROOT}ippools/lb`, poolOf("lb", "10.1.0.0/24", { namespaceSelector: "team == 'x'" }));
    await services.put("other");
    await rest();
    expect(await services.addresses("web")).toEqual([expect.stringMatching(/^10\.2\./)]);
    expect(await services.addresses("other")).toEqual([]);
    const labelsToApply = { "pcns.team": "x" };
    const profile = {
      kind: "Profile",
      apiVersion: API_VERSION,
      metadata: { name: "kns.shop" },
      spec: { labelsToApply },
    };
    await services.rows.put(`${ROOT}profiles/kns.shop`, JSON.stringify(profile));
    await rest();
    clock.advance(1_000);
    balancer.wake();
    await services.put("web", {}, {}, "u1");
    await rest();
    expect(await services.addresses("other")).toEqual([expect.stringMatching(/^10\.1\./)]);
    expect(await services.addresses("web")).toEqual([expect.stringMatching(/^10\.1\./)]);
  });

  it("are left alone where no pool is for them, and where they do not ask", async () => {
    await store.delete(`${ROOT}ippools/lb`);
    await services.put("web");
    await services.tell("web", "uid-1", ["198.51.100.7"]);
    await rest();
    expect([await services.addresses("web"), await held(), balancer.problems.size]).toEqual([["198.51.100.7"], [], 0]);
    assign = "RequestedServicesOnly";
    await store.put(`${ROOT}ippools/lb`, poolOf("lb", "10.1.0.0/24"));
    await rest();
    expect([await services.addresses("web"), await held()]).toEqual([["198.51.100.7"], []]);
  });

  it("that went while nobody looked are found by what they left", async () => {
    await services.put("web");
    await services.put("stays");
    await rest();
    await scope.close();
    await services.rows.delete(services.key("web"));
    start();
    await rest();
    expect(await held()).toHaveLength(1);
    expect(await services.addresses("stays")).toHaveLength(1);
    expect(log.map(({ message }) => message)).toEqual(["released"]);
  });
});
