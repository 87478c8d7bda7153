import { systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { createLogger, Scope } from "@ocicat/kit";
import { type ApiResource, KubernetesDatastore, readKubeconfig } from "@ocicat/kubernetes";
import { PrivateControlPlane } from "@ocicat/lab/kubernetes";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { apiSecrets, eitherSecrets } from "../../src/bgp/api-secrets.ts";
import type { Secrets } from "../../src/bgp/secrets.ts";
import { openStore } from "../support/kubernetes.ts";

const SECRETS: ApiResource = { group: "", version: "v1", plural: "secrets", namespaced: true };
const RBAC = { group: "rbac.authorization.k8s.io", version: "v1", namespaced: true } as const;
const NAMESPACE = "default";
/** Somebody who may do nothing of it until a role says so. */
const USER = "system:kube-proxy";
const PASSWORD = "open sesame";

let cluster: PrivateControlPlane;
let admin: KubernetesDatastore;
let agent: KubernetesDatastore;
let scope: Scope;
let secrets: Secrets;
let log: string;
let told: number;

beforeAll(async () => {
  cluster = await PrivateControlPlane.start();
  admin = openStore(cluster);
  const path = cluster.credentials.writeKubeconfig("agent", USER, cluster.plane.server);
  agent = new KubernetesDatastore({ target: readKubeconfig(path) });
  await admin.api.create({ ...RBAC, plural: "roles" }, NAMESPACE, {
    metadata: { name: "ocicat-node-secrets" },
    rules: [{ apiGroups: [""], resources: ["secrets"], resourceNames: ["bgp"], verbs: ["list", "watch"] }],
  });
  await admin.api.create({ ...RBAC, plural: "rolebindings" }, NAMESPACE, {
    metadata: { name: "ocicat-node-secrets" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "ocicat-node-secrets" },
    subjects: [{ kind: "User", name: USER, apiGroup: "rbac.authorization.k8s.io" }],
  });
}, 60_000);

afterAll(async () => {
  await agent.close();
  await admin.close();
  await cluster.stop();
});

beforeEach(() => {
  scope = new Scope("test");
  [log, told] = ["", 0];
  const logger = createLogger("test", "debug", (record) => {
    log += JSON.stringify(record);
  });
  const time = { clock: systemClock, random: systemRandom };
  secrets = apiSecrets({ api: agent.api, namespace: NAMESPACE, ...time, logger, scope });
  secrets.subscribe(() => {
    told += 1;
  });
});

afterEach(async () => {
  await scope.close();
  await admin.api.delete(SECRETS, { namespace: NAMESPACE, name: "bgp" }).catch(() => undefined);
});

const ref = (name: string, key: string) => ({ name, key, optional: false });
const place = { namespace: NAMESPACE, name: "bgp" };
const create = (data: Readonly<Record<string, string>>) =>
  admin.api.create(SECRETS, NAMESPACE, { metadata: { name: "bgp" }, stringData: data });
const answer = () => secrets.read(ref("bgp", "md5"));

describe("secrets of a cluster", () => {
  it("are read by who may list and watch them by name alone, and followed as they change", async () => {
    expect(answer()).toHaveProperty("missing");
    await expect.poll(answer).toEqual({ missing: "there is no secret default/bgp" });
    await create({ md5: `${PASSWORD}\n`, empty: "" });
    await expect.poll(answer).toEqual({ value: PASSWORD });
    expect(secrets.read(ref("bgp", "other"))).toEqual({ missing: "secret default/bgp has no key other" });
    expect(secrets.read(ref("bgp", "empty"))).toEqual({ missing: "secret default/bgp has nothing under empty" });
    const before = told;
    await admin.api.patch(SECRETS, place, { stringData: { md5: "another" } });
    await expect.poll(answer).toEqual({ value: "another" });
    expect(told).toBe(before + 1);
    await admin.api.delete(SECRETS, place);
    await expect.poll(answer).toEqual({ missing: "there is no secret default/bgp" });
    expect(log).not.toContain(PASSWORD);
    expect(log).not.toContain(Buffer.from(PASSWORD).toString("base64").slice(0, 8));
  });

  it("are not told again for what is not otherwise in them", async () => {
    await create({ md5: PASSWORD });
    await expect.poll(answer).toEqual({ value: PASSWORD });
    const before = told;
    await admin.api.patch(SECRETS, place, { metadata: { labels: { a: "b" } } });
    await admin.api.patch(SECRETS, place, { stringData: { md5: "last" } });
    await expect.poll(answer).toEqual({ value: "last" });
    expect(told).toBe(before + 1);
  });

  it("of which nothing is allowed say so, with what would allow it", async () => {
    const other = () => secrets.read(ref("other", "md5"));
    await expect.poll(() => JSON.stringify(other())).toContain("may not read secret default/other");
    expect(JSON.stringify(other())).toContain("resourceNames");
  });

  it("stay as they were while the API server is away", async () => {
    await create({ md5: PASSWORD });
    await expect.poll(answer).toEqual({ value: PASSWORD });
    await cluster.plane.kill("kube-apiserver");
    expect(answer()).toEqual({ value: PASSWORD });
    await cluster.plane.restart("kube-apiserver");
    await admin.api.patch(SECRETS, place, { stringData: { md5: "since then" } });
    await expect.poll(answer, { timeout: 20_000 }).toEqual({ value: "since then" });
  }, 60_000);

  it("are asked for after files", async () => {
    const files: Secrets = {
      read: ({ key }) => (key === "own" ? { value: "of a file" } : { missing: "no file" }),
      subscribe: () => undefined,
    };
    await create({ md5: PASSWORD, own: "of the API" });
    await expect.poll(answer).toEqual({ value: PASSWORD });
    const either = eitherSecrets(files, secrets);
    expect(either.read(ref("bgp", "own"))).toEqual({ value: "of a file" });
    expect(either.read(ref("bgp", "md5"))).toEqual({ value: PASSWORD });
  });
});
