import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DatastoreConnection } from "@ocicat/kubernetes/open";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findConnection } from "../../src/connect/connection.ts";
import { surroundings, type TerminalOptions, terminal } from "../support/terminal.ts";

const KUBECONFIG = `
current-context: here
contexts: [{name: here, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "https://10.0.0.1:6443", tls-server-name: kubernetes}}]
users: [{name: u, user: {token: t}}]
`;

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "oct-cli-"));
});
afterEach(() => rm(directory, { recursive: true }));

async function file(
  name: string,
  spec: string,
  head = "apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\n",
): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, `${head}${spec}`);
  return path;
}

const find = (options: TerminalOptions, given?: string): Promise<DatastoreConnection> =>
  findConnection(surroundings(options), given);
const endpoints = (spec: string) => `spec:\n  etcdEndpoints: ${spec}\n`;

describe("where the datastore is sought", () => {
  it("is this host where nothing says otherwise", async () => {
    expect(await find({})).toMatchObject({ options: { endpoints: ["http://127.0.0.1:2379"] } });
  });

  it("is the standard file's, then the lab's, then the file's that is given, then the environment's", async () => {
    const config = await file("standard", endpoints("http://standard:1"));
    const given = await file("given", endpoints("http://given:1, http://given:2"));
    const labDatastore = "unix:///lab";
    const env = { ETCD_ENDPOINTS: "http://env:1,http://env:2" };
    expect(await find({ config })).toEqual({
      type: "etcdv3",
      options: { endpoints: ["http://standard:1"] },
      source: config,
    });
    expect(await find({ config, labDatastore })).toEqual({
      type: "etcdv3",
      options: { endpoints: ["unix:///lab"] },
      source: "the lab on this machine",
    });
    expect(await find({ config, labDatastore }, given)).toEqual({
      type: "etcdv3",
      options: { endpoints: ["http://given:1", "http://given:2"] },
      source: given,
    });
    expect(await find({ config, labDatastore, env }, given)).toEqual({
      type: "etcdv3",
      options: { endpoints: ["http://env:1", "http://env:2"] },
      source: "ETCD_ENDPOINTS",
    });
  });

  it("is read from variables of calicoctl's older names too, and an empty one is unset", async () => {
    expect(await find({ env: { ETCD_ENDPOINTS: "", CALICO_ETCD_ENDPOINTS: "http://old:1" } })).toMatchObject({
      options: { endpoints: ["http://old:1"] },
    });
  });

  it("takes certificates and credentials along, each from where it is said", async () => {
    const given = await file(
      "given",
      `${endpoints("https://given:1")}  etcdCACertFile: /ca\n  etcdCertFile: /cert\n  etcdKeyFile: /key\n`,
    );
    const env = { ETCD_USERNAME: "u", ETCD_PASSWORD: "p", ETCD_KEY_FILE: "/other" };
    expect(await find({ env }, given)).toEqual({
      type: "etcdv3",
      options: {
        endpoints: ["https://given:1"],
        tls: { caFile: "/ca", certFile: "/cert", keyFile: "/other" },
        credentials: { username: "u", password: "p" },
      },
      source: given,
    });
  });

  it("is a cluster, by its kubeconfig, by an address, or by the pod that this is in", async () => {
    const kubeconfig = await file("kubeconfig", KUBECONFIG, "");
    const given = await file("given", `spec:\n  datastoreType: kubernetes\n  kubeconfig: ${kubeconfig}\n`);
    const server = { scheme: "https", host: "10.0.0.1", port: 6443, prefix: "" };
    const env = { CALICO_API_GROUP: "projectcalico.org/v3" };
    expect(await find({}, given)).toMatchObject({
      type: "kubernetes",
      target: { server, serverName: "kubernetes", token: { text: "t" } },
      apiGroup: "crd.projectcalico.org/v1",
      source: given,
    });
    expect(await find({ env: { ...env, DATASTORE_TYPE: "kubernetes", KUBECONFIG: kubeconfig } })).toMatchObject({
      target: { server },
      apiGroup: "projectcalico.org/v3",
      source: "DATASTORE_TYPE",
    });
    const address = { DATASTORE_TYPE: "kubernetes", K8S_API_ENDPOINT: "https://[fd00::1]:6443", K8S_API_TOKEN: "x" };
    expect(await find({ env: address })).toMatchObject({
      target: { server: { host: "fd00::1", port: 6443 }, token: { text: "x" } },
    });
    // A token without a file of its own is what a pod has.
    await expect(
      find({
        env: { DATASTORE_TYPE: "kubernetes", KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "443" },
      }),
    ).rejects.toThrow("/var/run/secrets/kubernetes.io/serviceaccount/token: is not there");
  });

  it("passes over what other datastores need", async () => {
    const given = await file(
      "given",
      `${endpoints("http://given:1")}  datastoreType: etcdv3\n  kubeconfig: /x\n  k8sAPIEndpoint: y\n`,
    );
    expect(await find({}, given)).toMatchObject({ options: { endpoints: ["http://given:1"] } });
  });
});

describe("a configuration that cannot be used", () => {
  const cases: readonly (readonly [name: string, text: string, part: string])[] = [
    ["another kind", "kind: IPPool\nspec: {}\n", ": is not a CalicoAPIConfig with a spec; write apiVersion"],
    ["no spec at all, but a list", "- a\n", ": is not a CalicoAPIConfig"],
    [
      "a setting that is none",
      "kind: CalicoAPIConfig\nspec: {wibble: 1}\n",
      ": spec.wibble: is not a setting; use datastoreType,",
    ],
    [
      "a value that is not text",
      "kind: CalicoAPIConfig\nspec: {etcdEndpoints: 1}\n",
      ": spec.etcdEndpoints: is not text",
    ],
    [
      "a datastore that is none",
      "kind: CalicoAPIConfig\nspec: {datastoreType: consul}\n",
      ': datastoreType "consul" is none; use "etcdv3", the standard, or "kubernetes"',
    ],
    [
      "a cluster that it does not say how to reach",
      "kind: CalicoAPIConfig\nspec: {datastoreType: kubernetes}\n",
      ": KUBERNETES_SERVICE_HOST: is not set, so this is no pod of a cluster; run it in a pod, or name a kubeconfig",
    ],
    [
      "a key in the file itself",
      "kind: CalicoAPIConfig\nspec: {etcdKey: x}\n",
      ": spec.etcdKey: is not supported yet; put the key into a file",
    ],
    [
      "a user without a password",
      "kind: CalicoAPIConfig\nspec: {etcdUsername: u}\n",
      ": of etcdUsername and etcdPassword only one is given",
    ],
    ["YAML that is none", "a: [", ": Flow sequence in block collection must be"],
  ];
  it.each(cases)("is refused for %s, with the file's name", async (_name, text, part) => {
    const given = await file("given", text, "");
    await expect(find({}, given)).rejects.toMatchObject({
      code: "CLI_CONFIG",
      message: expect.stringContaining(`${given}${part}`),
    });
  });

  it("is refused where it is not there, and where a variable says it", async () => {
    await expect(find({}, "/nonexistent")).rejects.toThrow("/nonexistent: there is no such file");
    await expect(find({ env: { DATASTORE_TYPE: "kubernetes", KUBECONFIG: "/nonexistent" } })).rejects.toThrow(
      "DATASTORE_TYPE: /nonexistent: cannot be read: ENOENT",
    );
  });

  it("does not tell the password", async () => {
    const given = await file("given", "kind: CalicoAPIConfig\nspec: {etcdPassword: s3cret}\n", "");
    const { stderr } = await terminal()("get", "ippool", "-c", given);
    expect(stderr).toContain("only one is given");
    expect(stderr).not.toContain("s3cret");
  });
});
