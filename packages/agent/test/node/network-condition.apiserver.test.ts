import { seededRandom, silentLogger, TestClock } from "@ocicat/kit";
import type { KubernetesDatastore } from "@ocicat/kubernetes";
import { PrivateControlPlane } from "@ocicat/lab/kubernetes";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NetworkCondition } from "../../src/node/network-condition.ts";
import { openStore } from "../support/kubernetes.ts";

const NODES = { group: "", version: "v1", plural: "nodes", namespaced: false } as const;

let cluster: PrivateControlPlane;
let store: KubernetesDatastore;

beforeAll(async () => {
  cluster = await PrivateControlPlane.start();
  store = openStore(cluster);
}, 60_000);

afterAll(async () => {
  await store.close();
  await cluster.stop();
});

/** A Node, and what stands in its conditions. */
async function nodeNamed(name: string) {
  await store.api.create(NODES, undefined, { apiVersion: "v1", kind: "Node", metadata: { name } });
  const place = { namespace: undefined, name };
  const say = async (type: string, status: string, reason: string) =>
    void (await store.api.patch(
      NODES,
      place,
      { status: { conditions: [{ type, status, reason }] } },
      { subresource: "status", strategic: true },
    ));
  const conditions = async () => {
    const node = await store.api.get(NODES, place);
    const { conditions: all } = (node?.["status"] ?? {}) as {
      conditions: { type: string; status: string; reason: string }[];
    };
    return all.map(({ type, status, reason }) => `${type} ${status} ${reason}`).sort();
  };
  const clock = new TestClock();
  const condition = new NetworkCondition({
    api: store.api,
    node: name,
    clock,
    random: seededRandom(1),
    logger: silentLogger,
  });
  return { say, conditions, clock, condition };
}

describe("the condition NetworkUnavailable of a Node", () => {
  it("is False while the agent runs and True when it ends, beside what others say of the node", async () => {
    const { say, conditions, condition } = await nodeNamed("plain");
    await say("Ready", "True", "KubeletReady");
    condition.begin();
    await expect.poll(conditions).toEqual(["NetworkUnavailable False OcicatIsUp", "Ready True KubeletReady"]);
    await condition.end();
    expect(await conditions()).toEqual(["NetworkUnavailable True OcicatIsDown", "Ready True KubeletReady"]);
  });

  it("is put right when the network before this one says at its end that none is there", async () => {
    const { say, conditions, condition, clock } = await nodeNamed("taken-over");
    condition.begin();
    await expect.poll(conditions).toEqual(["NetworkUnavailable False OcicatIsUp"]);
    await say("NetworkUnavailable", "True", "CalicoIsDown");
    condition.lookAgain();
    condition.lookAgain();
    clock.advance(30_000);
    await expect.poll(conditions).toEqual(["NetworkUnavailable False OcicatIsUp"]);
    await condition.end();
  });

  it("is left to the network after this one", async () => {
    const { say, conditions, condition } = await nodeNamed("handed-back");
    condition.begin();
    await expect.poll(conditions).toEqual(["NetworkUnavailable False OcicatIsUp"]);
    await say("NetworkUnavailable", "False", "CalicoIsUp");
    await condition.end();
    expect(await conditions()).toEqual(["NetworkUnavailable False CalicoIsUp"]);
  });

  it("is nobody's where there is no Node", async () => {
    const clock = new TestClock();
    const condition = new NetworkCondition({
      api: store.api,
      node: "none",
      clock,
      random: seededRandom(1),
      logger: silentLogger,
    });
    condition.begin();
    await condition.end();
    expect(await store.api.get(NODES, { namespace: undefined, name: "none" })).toBeUndefined();
  });
});
