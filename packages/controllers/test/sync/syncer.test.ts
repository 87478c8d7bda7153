import { API_VERSION, encodeStored } from "@ocicat/api";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Pair, put } from "./support.ts";

const ROOT = "/calico/resources/v3/projectcalico.org/";

function profileOf(name: string, labelsToApply: Readonly<Record<string, string>>) {
  const allow = { action: "Allow", source: {}, destination: {} } as const;
  const spec = { ingress: [allow], egress: [allow], labelsToApply };
  return { kind: "Profile", apiVersion: API_VERSION, metadata: { name, uid: "of-kubernetes" }, spec } as const;
}

function nodeOf(name: string, labels: Readonly<Record<string, string>>, more: object = {}) {
  const spec = {
    bgp: { ipv4Address: "192.168.0.81/24" },
    orchRefs: [{ nodeName: name, orchestrator: "k8s" }],
    ...more,
  };
  return { kind: "Node", apiVersion: API_VERSION, metadata: { name, labels, uid: `uid-${name}` }, spec } as const;
}

function endpointOf(pod: string, metadata: object, spec: object = {}) {
  return {
    kind: "WorkloadEndpoint",
    apiVersion: API_VERSION,
    metadata: { name: `n1-k8s-${pod}-eth0`, namespace: "shop", ...metadata },
    spec: { orchestrator: "k8s", node: "n1", pod, endpoint: "eth0", workload: "", ...spec },
  };
}

describe.each([{ transactions: true }, { transactions: false }])("kept in step, on a store with %o", (abilities) => {
  let pair: Pair;
  beforeEach(() => {
    pair = new Pair(abilities);
  });
  afterEach(() => pair.close());
  const value = async (key: string) => JSON.parse((await pair.store.get(ROOT + key))?.value ?? "null") as unknown;

  it("profiles of namespaces and of service accounts are made, follow, and go; others' are left alone", async () => {
    await put(pair.store, "profiles/mine", profileOf("mine", {}));
    await put(pair.store, "profiles/kns.gone", profileOf("kns.gone", {}));
    await put(pair.kubernetes, "profiles/kns.shop", profileOf("kns.shop", { "pcns.team": "a" }));
    await put(pair.kubernetes, "profiles/ksa.shop.web", profileOf("ksa.shop.web", { "pcsa.role": "web" }));
    await pair.rest();
    expect(await pair.names("profiles")).toEqual(["kns.shop", "ksa.shop.web", "mine"]);
    const first = await value("profiles/kns.shop");
    expect(first).toMatchObject({ spec: { labelsToApply: { "pcns.team": "a" } } });
    expect(first).not.toMatchObject({ metadata: { uid: "of-kubernetes" } });
    await put(pair.kubernetes, "profiles/kns.shop", profileOf("kns.shop", { "pcns.team": "b" }));
    await pair.kubernetes.delete(`${ROOT}profiles/ksa.shop.web`);
    await pair.rest();
    expect(await pair.names("profiles")).toEqual(["kns.shop", "mine"]);
    const { uid } = (first as { metadata: { uid: string } }).metadata;
    expect(await value("profiles/kns.shop")).toMatchObject({
      metadata: { uid },
      spec: { labelsToApply: { "pcns.team": "b" } },
    });
  });

  it("what others undo is put right, and what says the same in another form is left as it is", async () => {
    await put(pair.kubernetes, "profiles/kns.shop", profileOf("kns.shop", { "pcns.team": "a" }));
    await pair.rest();
    await put(pair.store, "profiles/kns.shop", profileOf("kns.shop", { "pcns.team": "wrong" }));
    await pair.rest();
    expect(await value("profiles/kns.shop")).toMatchObject({ spec: { labelsToApply: { "pcns.team": "a" } } });
    // As another writer would write it: other order of fields, other spaces.
    const { metadata, spec, apiVersion, kind } = profileOf("kns.shop", { "pcns.team": "a" });
    await pair.store.put(
      `${ROOT}profiles/kns.shop`,
      JSON.stringify({ spec, metadata, apiVersion, kind }, undefined, 1),
    );
    await pair.rest();
    expect((await pair.store.get(`${ROOT}profiles/kns.shop`))?.value).toContain("\n");
  });

  it("Kubernetes' policies are Calico's under their own names; people's policies are not touched", async () => {
    const mine = {
      kind: "NetworkPolicy",
      apiVersion: API_VERSION,
      metadata: { name: "mine", namespace: "shop" },
      spec: { selector: "all()", types: ["Ingress"] },
    };
    await put(pair.store, "networkpolicies/shop/mine", mine);
    const policy = { metadata: { name: "deny", namespace: "shop" }, spec: { podSelector: {} } };
    await put(pair.kubernetes, "kubernetesnetworkpolicies/shop/deny", policy);
    await pair.rest();
    expect(await pair.names("networkpolicies")).toEqual(["shop/knp.default.deny", "shop/mine"]);
    expect(await value("networkpolicies/shop/knp.default.deny")).toMatchObject({
      metadata: { name: "knp.default.deny", namespace: "shop" },
      spec: { order: 1000, selector: "projectcalico.org/orchestrator == 'k8s'", types: ["Ingress"] },
    });
    await pair.kubernetes.delete(`${ROOT}kubernetesnetworkpolicies/shop/deny`);
    await pair.rest();
    expect(await pair.names("networkpolicies")).toEqual(["shop/mine"]);
  });

  it("an endpoint has its pod's labels and service account; none is made, and none deleted", async () => {
    const key = "workloadendpoints/shop/n1-k8s-web-eth0";
    await put(pair.kubernetes, "workloadendpoints/shop/n1-k8s-other-eth0", endpointOf("other", {}));
    await put(
      pair.kubernetes,
      key,
      endpointOf(
        "web",
        { labels: { app: "new" } },
        { serviceAccountName: "sa", profiles: ["kns.shop", "ksa.shop.sa"] },
      ),
    );
    const own = { containerID: "c1", ipNetworks: ["10.0.0.1/32"], profiles: ["kns.shop", "mine"] };
    await put(pair.store, key, endpointOf("web", { labels: { app: "old", extra: "x" } }, own));
    await pair.rest();
    expect(await pair.names("workloadendpoints")).toEqual(["shop/n1-k8s-web-eth0"]);
    expect(await value(key)).toMatchObject({
      metadata: { labels: { app: "new" } },
      spec: { ...own, serviceAccountName: "sa", profiles: ["kns.shop", "ksa.shop.sa", "mine"] },
    });
    expect(await value(key)).not.toMatchObject({ metadata: { labels: { extra: "x" } } });
    await pair.kubernetes.delete(ROOT + key);
    await pair.rest();
    expect(await pair.names("workloadendpoints")).toEqual(["shop/n1-k8s-web-eth0"]);
  });

  it("labels of nodes follow, the operator's own stay, and a node goes with Kubernetes' one", async () => {
    await put(pair.kubernetes, "nodes/n1", nodeOf("n1", { zone: "a", disk: "ssd" }));
    await put(pair.store, "nodes/n1", nodeOf("n1", { rack: "r1", zone: "wrong" }));
    await put(pair.store, "nodes/bare", nodeOf("bare", { rack: "r2" }, { orchRefs: [] }));
    await pair.rest();
    expect(await value("nodes/n1")).toMatchObject({
      metadata: {
        labels: { rack: "r1", zone: "a", disk: "ssd" },
        annotations: { "projectcalico.org/kube-labels": `{"disk":"ssd","zone":"a"}` },
      },
    });
    await put(pair.kubernetes, "nodes/n1", nodeOf("n1", { zone: "b" }));
    await pair.rest();
    const { metadata } = (await value("nodes/n1")) as { metadata: { labels: object } };
    expect(metadata.labels).toEqual({ rack: "r1", zone: "b" });
    await pair.kubernetes.delete(`${ROOT}nodes/n1`);
    await pair.rest();
    expect(await pair.names("nodes")).toEqual(["bare"]);
  });

  it("a node that is called otherwise in Kubernetes is found by its reference", async () => {
    await put(pair.kubernetes, "nodes/ip-10-0-0-1", nodeOf("ip-10-0-0-1", { zone: "a" }));
    const orchRefs = [{ nodeName: "ip-10-0-0-1", orchestrator: "k8s" }];
    await put(pair.store, "nodes/n1", nodeOf("n1", {}, { orchRefs }));
    await pair.rest();
    await put(pair.kubernetes, "nodes/ip-10-0-0-1", nodeOf("ip-10-0-0-1", { zone: "b" }));
    await pair.rest();
    expect(await value("nodes/n1")).toMatchObject({ metadata: { labels: { zone: "b" } } });
    await pair.kubernetes.delete(`${ROOT}nodes/ip-10-0-0-1`);
    await pair.rest();
    expect(await pair.names("nodes")).toEqual([]);
  });

  it("nothing is written by one who does not lead, and everything is when it does", async () => {
    pair.isLeading = false;
    await put(pair.kubernetes, "profiles/kns.shop", profileOf("kns.shop", {}));
    await pair.rest();
    expect(await pair.names("profiles")).toEqual([]);
    expect(pair.syncer.waiting).toBe(1);
    pair.isLeading = true;
    pair.syncer.wake();
    await pair.rest();
    expect([await pair.names("profiles"), pair.syncer.waiting]).toEqual([["kns.shop"], 0]);
  });

  it("what cannot be read holds up nothing else, is told, and is tried again when it changes", async () => {
    await pair.kubernetes.put(`${ROOT}profiles/kns.bad`, "{");
    await put(pair.kubernetes, "profiles/kns.good", profileOf("kns.good", {}));
    await pair.rest();
    expect(await pair.names("profiles")).toEqual(["kns.good"]);
    expect([...pair.syncer.problems.keys()]).toEqual([`namespace ${ROOT}profiles/kns.bad`]);
    pair.clock.advance(5_000);
    await pair.rest();
    expect(pair.log.filter(({ level }) => level === "warning")).toHaveLength(1);
    await pair.kubernetes.put(`${ROOT}profiles/kns.bad`, encodeStored(profileOf("kns.bad", {})));
    await pair.rest();
    expect([await pair.names("profiles"), pair.syncer.problems.size]).toEqual([["kns.bad", "kns.good"], 0]);
  });
});
