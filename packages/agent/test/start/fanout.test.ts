import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryDatastore } from "@ocicat/datastore";
import { systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { startFanout } from "@ocicat/fanout";
import { MetricsRegistry, Scope, silentLogger } from "@ocicat/kit";
import { FakeKernel } from "@ocicat/linux/kernel";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { agentOptionsFrom } from "../../src/options.ts";
import { layFoundation } from "../../src/start/foundation.ts";

const NODES = "/calico/resources/v3/projectcalico.org/nodes/";

describe("an agent that is told of a fan-out", () => {
  let scope: Scope;
  let dir: string;
  beforeEach(() => {
    scope = new Scope("test");
    dir = mkdtempSync(join(tmpdir(), "oct-agent-"));
    scope.add("files", () => rmSync(dir, { recursive: true, force: true }));
  });
  afterEach(() => scope.close());

  it("fills its tables from there, writes to the datastore, and is not ready without either", async () => {
    const upstream = new MemoryDatastore();
    await upstream.put(`${NODES}n1`, "told by the fan-out");
    const surroundings = { clock: systemClock, random: systemRandom, logger: silentLogger };
    const listen = { path: join(dir, "sock") };
    const options = {
      listen,
      tls: undefined,
      clientName: undefined,
      limits: { events: 100, size: 2 ** 20 },
      patienceMs: 60_000,
      healthHost: "127.0.0.1",
      healthPort: 0,
      lagResolutionMs: 100,
    };
    await startFanout(options, { ...surroundings, upstream }, scope.child("fan-out"));
    const env = {
      NODENAME: "n1",
      // Nobody is there: what is read from it would fail.
      ETCD_ENDPOINTS: `unix://${join(dir, "nobody")}`,
      OCICAT_FANOUT_ENDPOINTS: `unix://${listen.path}`,
    };
    const { reads, store, reaches } = await layFoundation({
      ...surroundings,
      options: agentOptionsFrom(env, "host"),
      kernel: new FakeKernel(),
      metrics: new MetricsRegistry(),
      scope: scope.child("agent"),
      onFatal: (error) => {
        throw error;
      },
    });
    expect((await reads.list(NODES)).items).toMatchObject([{ value: "told by the fan-out" }]);
    expect(reads).not.toBe(store);
    expect(reaches()).toBe(false);
  });

  it("is one that names it; certificates go with it", () => {
    expect(agentOptionsFrom({}, "host").fanout).toBeUndefined();
    const env = {
      OCICAT_FANOUT_ENDPOINTS: "https://10.0.0.5:5473, https://10.0.0.6:5473",
      OCICAT_FANOUT_CA_FILE: "/ca",
      OCICAT_FANOUT_CERT_FILE: "/crt",
      OCICAT_FANOUT_KEY_FILE: "/key",
    };
    expect(agentOptionsFrom(env, "host").fanout).toEqual({
      endpoints: ["https://10.0.0.5:5473", "https://10.0.0.6:5473"],
      tls: { caFile: "/ca", certFile: "/crt", keyFile: "/key" },
    });
  });
});
