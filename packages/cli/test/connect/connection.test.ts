import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Connection, findConnection } from "../../src/connect/connection.ts";
import { surroundings, type TerminalOptions, terminal } from "../support/terminal.ts";

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

const find = (options: TerminalOptions, given?: string): Promise<Connection> =>
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
    expect(await find({ config })).toEqual({ options: { endpoints: ["http://standard:1"] }, source: config });
    expect(await find({ config, labDatastore })).toEqual({
      options: { endpoints: ["unix:///lab"] },
      source: "the lab on this machine",
    });
    expect(await find({ config, labDatastore }, given)).toEqual({
      options: { endpoints: ["http://given:1", "http://given:2"] },
      source: given,
    });
    expect(await find({ config, labDatastore, env }, given)).toEqual({
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
      options: {
        endpoints: ["https://given:1"],
        tls: { caFile: "/ca", certFile: "/cert", keyFile: "/other" },
        credentials: { username: "u", password: "p" },
      },
      source: given,
    });
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
      "Kubernetes",
      "kind: CalicoAPIConfig\nspec: {datastoreType: kubernetes}\n",
      ': datastoreType "kubernetes" is not supported yet; use "etcdv3"',
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
    await expect(find({ env: { DATASTORE_TYPE: "kubernetes" } })).rejects.toThrow(
      'datastoreType "kubernetes" is not supported yet',
    );
  });

  it("does not tell the password", async () => {
    const given = await file("given", "kind: CalicoAPIConfig\nspec: {etcdPassword: s3cret}\n", "");
    const { stderr } = await terminal()("get", "ippool", "-c", given);
    expect(stderr).toContain("only one is given");
    expect(stderr).not.toContain("s3cret");
  });
});
