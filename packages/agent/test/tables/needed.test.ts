import { API_VERSION, encodeStored, KUBERNETES_OBJECTS } from "@ocicat/api";
import { MemoryDatastore } from "@ocicat/datastore";
import { Scope, seededRandom, silentLogger, TestClock } from "@ocicat/kit";
import { type Prefix, parsePrefix } from "@ocicat/net";
import { afterEach, describe, expect, it } from "vitest";
import { DatastoreLock } from "../../src/lock/index.ts";
import { allRanges, rangesIn } from "../../src/services/ranges.ts";
import { watchWhatIsNeeded } from "../../src/tables/needed.ts";
import { makeTables } from "../../src/tables/tables.ts";

const scopes: Scope[] = [];
afterEach(async () => {
  for (const scope of scopes.splice(0)) await scope.close();
});

async function cluster(clusterIps: readonly Prefix[] = []) {
  const store = new MemoryDatastore({ clock: new TestClock() });
  const scope = new Scope("test");
  scopes.push(scope);
  const tables = makeTables("node1", silentLogger, clusterIps);
  const listed: string[] = [];
  const watched = new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (name !== "list") return typeof member === "function" ? member.bind(target) : member;
      return (prefix: string, ...rest: []) => {
        listed.push(prefix.split("/").at(-2) ?? "");
        return target.list(prefix, ...rest);
      };
    },
  });
  const slice = {
    metadata: { namespace: "shop", name: "web-1", labels: { "kubernetes.io/service-name": "web" } },
    endpoints: [{ addresses: ["10.0.0.1"] }],
    ports: [{ port: 80 }],
  };
  const key = KUBERNETES_OBJECTS.endpointSlice.storage.key("web-1", "shop") ?? "";
  await store.create(key, JSON.stringify(slice));
  const options = {
    store: watched,
    clock: new TestClock(),
    random: seededRandom(1),
    logger: silentLogger,
    scope,
    lock: new DatastoreLock(tables.cluster),
  };
  return { store, tables, listed, watch: () => watchWhatIsNeeded(tables, options) };
}

const row = (key: string, value: string) => ({
  key,
  value,
  modRevision: 9n,
  createRevision: 1n,
  version: 1n,
  lease: 0n,
});

function policy(destination: object) {
  const value = encodeStored({
    kind: "GlobalNetworkPolicy",
    apiVersion: API_VERSION,
    metadata: { name: "p" },
    spec: { selector: "all()", types: ["Egress"], egress: [{ action: "Allow", destination }] },
  });
  return row("/calico/resources/v3/projectcalico.org/globalnetworkpolicies/p", value);
}

const toService = policy({ services: { name: "web", namespace: "shop" } });

describe("what is read when it is needed", () => {
  it("is read from the start where the environment says that services are announced, whatever BGPConfiguration says", async () => {
    const own = parsePrefix("10.96.0.0/12");
    const { tables, listed, watch } = await cluster([own]);
    await watch();
    expect(listed.sort()).toEqual(["kubernetesendpointslices", "kubernetesservice"]);
    const spec = { serviceClusterIPs: [{ cidr: "10.0.0.0/8" }], serviceExternalIPs: [{ cidr: "192.0.2.0/24" }] };
    const configuration = { kind: "BGPConfiguration", apiVersion: API_VERSION, metadata: { name: "default" }, spec };
    tables.serviceRanges.put(
      row("/calico/resources/v3/projectcalico.org/bgpconfigurations/default", JSON.stringify(configuration)),
    );
    expect(allRanges(rangesIn(tables)).map(String)).toEqual(["10.96.0.0/12", "192.0.2.0/24"]);
  });

  it("is not read while nothing needs it", async () => {
    const { tables, listed, watch } = await cluster();
    tables.policy.globalNetworkPolicies.put(policy({ nets: ["10.0.0.0/8"] }));
    await watch();
    expect(listed).toEqual([]);
  });

  it("is there when the watch is in sync, if it was needed before", async () => {
    const { tables, listed, watch } = await cluster();
    tables.policy.globalNetworkPolicies.put(toService);
    await watch();
    expect(listed).toEqual(["kubernetesendpointslices"]);
    expect([...tables.policy.endpointSlices.rows()]).toMatchObject([{ service: "web" }]);
  });

  it("is read from the first need on, once", async () => {
    const { tables, listed, watch } = await cluster();
    await watch();
    const filled = new Promise<void>((resolve) => tables.policy.endpointSlices.subscribe(() => resolve()));
    tables.policy.globalNetworkPolicies.put(toService);
    tables.policy.globalNetworkPolicies.put({ ...toService, modRevision: 10n });
    await filled;
    expect(listed).toEqual(["kubernetesendpointslices"]);
  });

  it("is services and their endpoints where a range of them is announced", async () => {
    const { tables, listed, watch } = await cluster();
    const spec = { serviceClusterIPs: [{ cidr: "10.96.0.0/16" }] };
    const configuration = { kind: "BGPConfiguration", apiVersion: API_VERSION, metadata: { name: "default" }, spec };
    tables.serviceRanges.put(
      row("/calico/resources/v3/projectcalico.org/bgpconfigurations/default", JSON.stringify(configuration)),
    );
    await watch();
    expect(listed.sort()).toEqual(["kubernetesendpointslices", "kubernetesservice"]);
  });
});
