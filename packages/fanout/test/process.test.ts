import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEtcd } from "@ocicat/datastore/etcd";
import { Scope } from "@ocicat/kit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startEtcd } from "../../datastore/test/support/etcd.ts";
import { openFanout } from "../src/index.ts";
import { fanoutOptionsFrom } from "../src/options.ts";

const NODES = "/calico/resources/v3/projectcalico.org/nodes/";

describe("ocicat fanout", () => {
  let scope: Scope;
  let dir: string;
  beforeEach(() => {
    scope = new Scope("test");
    dir = mkdtempSync(join(tmpdir(), "oct-fanout-"));
    scope.add("files", () => rmSync(dir, { recursive: true, force: true }));
  });
  afterEach(() => scope.close());

  it("serves what a real etcd has, with its revisions, and ends when it is told to", async () => {
    const etcd = await startEtcd();
    scope.add("etcd", () => etcd.stop());
    const store = openEtcd({ endpoints: [etcd.endpoint] });
    scope.add("client", () => store.close());
    const { modRevision } = await store.put(`${NODES}n1`, "one");
    const command = new URL("../../cli/bin/ocicat.js", import.meta.url).pathname;
    const socket = `unix://${join(dir, "sock")}`;
    const child = spawn(process.execPath, [command, "fanout"], {
      stdio: ["ignore", "pipe", "inherit"],
      env: {
        PATH: process.env["PATH"] ?? "",
        ETCD_ENDPOINTS: etcd.endpoint,
        OCICAT_FANOUT_LISTEN: socket,
        OCICAT_FANOUT_HEALTH_PORT: "0",
      },
    });
    const ended = once(child, "exit");
    scope.add("fan-out", async () => {
      child.kill("SIGKILL");
      await ended;
    });
    const client = openFanout({ endpoints: [socket], timeoutMs: 20_000 });
    scope.add("fan-out's client", () => client.close());
    const { items, revision } = await client.list(NODES);
    expect(items).toMatchObject([{ key: `${NODES}n1`, value: "one", modRevision }]);
    const watch = client.watch(NODES, { from: revision + 1n });
    const batches = watch[Symbol.asyncIterator]();
    const second = await store.update(`${NODES}n1`, "two", modRevision);
    expect(await batches.next()).toMatchObject({ value: { events: [{ type: "put", item: second }] } });
    child.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
    watch.close();
  }, 40_000);
});

describe("a fan-out's variables", () => {
  it("serve this host alone, unless who may read is said", () => {
    expect(fanoutOptionsFrom({})).toMatchObject({ listen: { host: "127.0.0.1", port: 5473 }, tls: undefined });
    expect(() => fanoutOptionsFrom({ OCICAT_FANOUT_LISTEN: "0.0.0.0:5473" })).toThrow(/who may read/);
    const tls = { OCICAT_FANOUT_CERT_FILE: "/c", OCICAT_FANOUT_KEY_FILE: "/k" };
    expect(() => fanoutOptionsFrom({ OCICAT_FANOUT_LISTEN: "[::]:5473", ...tls })).toThrow(/who may read/);
    const all = { OCICAT_FANOUT_LISTEN: "[::]:5473", ...tls, OCICAT_FANOUT_CLIENT_CA_FILE: "/a" };
    expect(fanoutOptionsFrom(all)).toMatchObject({
      listen: { host: "::", port: 5473, tls: true },
      tls: { certFile: "/c", keyFile: "/k", clientCaFile: "/a" },
    });
  });

  it.each([
    ["OCICAT_FANOUT_LISTEN", "everywhere"],
    ["OCICAT_FANOUT_CERT_FILE", "/c"],
    ["OCICAT_FANOUT_PATIENCE_SECONDS", "0"],
  ])("are refused by name: %s=%s", (name, value) => {
    expect(() => fanoutOptionsFrom({ [name]: value })).toThrow(/OCICAT_FANOUT_/);
  });
});
