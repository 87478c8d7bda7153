import { API_VERSION, type CalicoNodeStatus, calicoNodeStatus, decodeStored } from "@ocicat/api";
import { ResourceClient } from "@ocicat/client";
import { MemoryDatastore } from "@ocicat/datastore";
import { Scope, seededRandom, silentLogger, TestClock } from "@ocicat/kit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type NodeState, nodeStatus } from "../../src/bgp/node-status.ts";
import { StatusReporter } from "../../src/bgp/status-reporter.ts";
import { Table } from "../../src/tables/table.ts";

const AT = Date.parse("2026-11-21T13:17:26Z");
const session = (address: string, type: string, state: string) => ({
  address,
  type,
  state,
  since: "2026-11-21T13:17:26.000Z",
});

const STATE: NodeState = {
  version: "v1",
  routerId: "192.168.0.81",
  bootedAt: AT,
  configuredAt: AT + 1_000,
  sessions: [
    session("192.168.0.82", "node-to-node mesh", "Established"),
    session("192.168.0.1", "global", "Active"),
    session("fd00::82", "node specific", "Established"),
  ] as never,
  routes: () => [
    {
      type: "FIB",
      destination: "10.244.103.64/26",
      gateway: "192.168.0.82",
      interface: "ens33",
      source: "NodeMesh",
      peer: "192.168.0.82",
    },
    {
      type: "FIB",
      destination: "fd00::/64",
      gateway: undefined,
      interface: "ens33",
      source: "Direct",
      peer: undefined,
    },
  ],
};

describe("a node's state", () => {
  it("has the classes that were asked for, as Calico writes them", () => {
    expect(nodeStatus(["Agent", "BGP", "Routes"], STATE, AT + 500)).toEqual({
      lastUpdated: "2026-11-21T13:17:26Z",
      agent: {
        birdV4: {
          state: "Ready",
          version: "v1",
          routerID: "192.168.0.81",
          lastBootTime: "2026-11-21 13:17:26",
          lastReconfigurationTime: "2026-11-21 13:17:27",
        },
        birdV6: expect.objectContaining({ state: "Ready" }),
      },
      bgp: {
        numberEstablishedV4: 1,
        numberNotEstablishedV4: 1,
        numberEstablishedV6: 1,
        numberNotEstablishedV6: 0,
        peersV4: [
          { peerIP: "192.168.0.82", type: "NodeMesh", state: "Established", since: "2026-11-21 13:17:26" },
          { peerIP: "192.168.0.1", type: "GlobalPeer", state: "Active", since: "2026-11-21 13:17:26" },
        ],
        peersV6: [{ peerIP: "fd00::82", type: "NodePeer", state: "Established", since: "2026-11-21 13:17:26" }],
      },
      routes: {
        routesV4: [
          {
            type: "FIB",
            destination: "10.244.103.64/26",
            gateway: "192.168.0.82",
            interface: "ens33",
            learnedFrom: { sourceType: "NodeMesh", peerIP: "192.168.0.82" },
          },
        ],
        routesV6: [
          { type: "FIB", destination: "fd00::/64", interface: "ens33", learnedFrom: { sourceType: "Direct" } },
        ],
      },
    });
  });

  it("says nothing of what was not asked for", () => {
    expect(nodeStatus(["Agent"], STATE, AT)).toMatchObject({ bgp: { numberEstablishedV4: 0 }, routes: {} });
    expect(nodeStatus(["BGP"], { ...STATE, routerId: undefined }, AT).agent).toEqual({ birdV4: {}, birdV6: {} });
  });
});

describe("the reporter", () => {
  const scope = new Scope("test");
  const store = new MemoryDatastore({ clock: new TestClock() });
  const clock = new TestClock();
  const client = new ResourceClient({ store, clock, random: seededRandom(1) });
  const requests = new Table("requests", (item) => decodeStored(calicoNodeStatus, item), silentLogger);
  let asked = 0;
  beforeEach(() => {
    asked = 0;
    new StatusReporter({
      node: "node1",
      requests,
      client,
      clock,
      logger: silentLogger,
      scope,
      state: () => {
        asked += 1;
        return STATE;
      },
    });
  });
  afterEach(() => scope.close());

  async function write(name: string, node: string, updatePeriodSeconds: number): Promise<void> {
    await client.apply<CalicoNodeStatus>({
      kind: "CalicoNodeStatus",
      apiVersion: API_VERSION,
      metadata: { name },
      spec: { node, classes: ["BGP"], updatePeriodSeconds },
    });
    await seen();
  }

  /** The watch's part. */
  async function seen(): Promise<void> {
    requests.replace((await store.list(calicoNodeStatus.storage.prefix())).items);
  }

  it("writes at once and then once a period, into requests of its own node, not into those that want none", async () => {
    await write("mine", "node1", 10);
    await write("other", "node2", 10);
    await write("never", "node1", 0);
    clock.advance(0);
    await expect.poll(async () => (await client.get(calicoNodeStatus, "mine")).status?.lastUpdated).toBeTruthy();
    expect(asked).toBe(1);
    await seen();
    clock.advance(9_000);
    expect(asked).toBe(1);
    clock.advance(1_000);
    await expect.poll(() => asked).toBe(2);
    for (const name of ["other", "never"])
      expect((await client.get(calicoNodeStatus, name)).status?.lastUpdated ?? null).toBeNull();
    await client.delete(calicoNodeStatus, "mine");
    await seen();
    clock.advance(100_000);
    expect(asked).toBe(2);
  });
});
