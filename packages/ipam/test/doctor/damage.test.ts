import { encodeStored, readDocument, resourceKey, workloadEndpoint } from "@ocicat/api";
import { affinityKey, blockKey, handleKey, hostOwner } from "@ocicat/api/ipam";
import { type JsonValue, parseJson, type Random, seededRandom, stringifyJson } from "@ocicat/kit";
import { formatAddress, parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { allHolders, auditIpam, inOrderOfMending, lookTwice, performMend, readBlocks } from "../../src/index.ts";
import { pool, World } from "../support/world.ts";

const RUNS = Number(process.env.OCICAT_DAMAGE_RUNS ?? 60);
const ONLY = process.env.OCICAT_DAMAGE_SEED;
const SEEDS = ONLY === undefined ? Array.from({ length: RUNS }, (_, index) => index + 1) : [Number(ONLY)];

const NODES = ["node1", "node2", "node3"];
const HOUR = 3_600_000;

type Json = Record<string, JsonValue>;

/** A store as nodes leave it, with an endpoint for each address; damaged by hand at random, then mended. */
class Patient {
  readonly world = new World({ transactions: true, pools: [pool("p", "10.0.0.0/24", 29)] });
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  async live(): Promise<void> {
    const { store, clock } = this.world;
    await this.#put("IPPool", "p", { cidr: "10.0.0.0/24", blockSize: 29 });
    for (const name of NODES) await this.#put("Node", name, {});
    for (let index = 0; index < 40; index++) await this.#addPod(index);
    clock.advance(HOUR);
    expect(await auditIpam(store)).toEqual([]);
    expect(await this.look()).toEqual([]);
  }

  async #put(kind: "IPPool" | "Node", name: string, spec: object): Promise<void> {
    const resource = readDocument({ apiVersion: "projectcalico.org/v3", kind, metadata: { name }, spec });
    await this.world.store.put(resourceKey(kind, name), encodeStored(resource));
  }

  async #addPod(index: number): Promise<void> {
    const containerID = String(index).padStart(64, "0");
    const node = this.pick(NODES);
    const name = `${node}-k8s-pod${index}-eth0`;
    await this.world.node(node).autoAssign({
      handleId: `net.${containerID}`,
      attributes: { pod: `pod${index}`, namespace: "default" },
      wants: [{ family: 4 }],
      extra: (addresses) => {
        const ipNetworks = addresses.map(({ address }) => `${formatAddress(address)}/32`);
        const spec = { orchestrator: "k8s", node, containerID, pod: `pod${index}`, endpoint: "eth0", ipNetworks };
        const metadata = { name, namespace: "default" };
        const document = { apiVersion: "projectcalico.org/v3", kind: "WorkloadEndpoint", metadata, spec };
        const key = workloadEndpoint.storage.key(name, "default") ?? "";
        return { operations: [{ put: key, value: encodeStored(readDocument(document)) }] };
      },
    });
  }

  async damage(): Promise<string> {
    const [name, harm] = this.pick(Object.entries(HARMS));
    await harm(this);
    return name;
  }

  look() {
    const now = () => this.world.clock.now();
    return lookTwice(this.world.store, { graceMs: HOUR / 4, now, pause: () => Promise.resolve() });
  }

  /** Mends until nothing is left to be mended; returns what somebody has to decide about. */
  async mend(): Promise<readonly string[]> {
    for (let round = 0; round < 50; round++) {
      const found = await this.look();
      const [batch] = inOrderOfMending(found);
      if (batch === undefined) return found.map(({ code, what }) => `${code} ${what}`);
      for (const { mend } of batch)
        if (mend !== undefined) await performMend(this.world.store, mend, this.world.clock.now());
    }
    throw new Error("it does not end");
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.#random.uint32() % items.length];
    if (item === undefined) throw new Error("there is nothing to pick from");
    return item;
  }

  number(below: number): number {
    return this.#random.uint32() % below;
  }

  async keys(part: string): Promise<readonly string[]> {
    const keys = await this.world.keys();
    return keys.filter((key) => key.includes(part));
  }

  async remove(part: string): Promise<void> {
    const keys = await this.keys(part);
    if (keys.length > 0) await this.world.store.delete(this.pick(keys));
  }

  async edit(part: string, change: (value: Json) => Json): Promise<void> {
    const keys = await this.keys(part);
    if (keys.length === 0) return;
    const key = this.pick(keys);
    const { value = "{}" } = (await this.world.store.get(key)) ?? {};
    await this.world.store.put(key, stringifyJson(change(parseJson(value) as Json)));
  }
}

const BLOCKS = "/assignment/";
const list = (value: JsonValue | undefined) => (value ?? []) as readonly JsonValue[];

const HARMS: Readonly<Record<string, (patient: Patient) => Promise<unknown>>> = {
  "a handle goes": (patient) => patient.remove("/handle/"),
  "a handle counts more": (patient) =>
    patient.edit("/handle/", (value) => ({ ...value, block: { ...(value.block as Json), "10.0.0.0/29": 3 } })),
  "a handle counts a block that there is not": (patient) =>
    patient.edit("/handle/", (value) => ({ ...value, block: { ...(value.block as Json), "10.0.0.248/29": 1 } })),
  "a handle of nobody": (patient) =>
    patient.world.store.put(handleKey(`net.gone${patient.number(9)}`), '{"block":{},"deleted":false}'),
  "an affinity goes": (patient) => patient.remove("/ipam/v2/host/"),
  "an affinity is half done": (patient) =>
    patient.edit("/ipam/v2/host/", (value) => ({ ...value, state: patient.pick(["pending", "pendingDeletion"]) })),
  "an affinity to what there is not": (patient) =>
    patient.world.store.put(affinityKey(hostOwner("node2"), parsePrefix("10.0.0.240/29")), '{"state":"confirmed"}'),
  "an address is lost": (patient) =>
    patient.edit(BLOCKS, (value) => ({ ...value, unallocated: list(value.unallocated).slice(1) })),
  "an address is free twice": (patient) =>
    patient.edit(BLOCKS, (value) => ({
      ...value,
      unallocated: [...list(value.unallocated), ...list(value.unallocated).slice(0, 1)],
    })),
  "any address is free": (patient) =>
    patient.edit(BLOCKS, (value) => ({ ...value, unallocated: [...list(value.unallocated), patient.number(8)] })),
  "an address of nobody": (patient) =>
    patient.edit(BLOCKS, (value) => {
      const [free, ...others] = list(value.unallocated);
      if (free === undefined) return value;
      return { ...value, allocations: list(value.allocations).with(Number(free), 77), unallocated: others };
    }),
  "a holder of nothing": (patient) =>
    patient.edit(BLOCKS, (value) => ({ ...value, attributes: [...list(value.attributes), {}] })),
  "an old sequence number": (patient) => patient.edit(BLOCKS, (value) => ({ ...value, sequenceNumber: 3 })),
  "an empty block": (patient) =>
    patient.world.store.put(
      blockKey(parsePrefix("10.0.0.224/29")),
      stringifyJson({
        cidr: "10.0.0.224/29",
        affinity: patient.pick([null, "host:node1", "host:gone"]),
        allocations: new Array<null>(8).fill(null),
        unallocated: [0, 1, 2, 3, 4, 5, 6, 7],
        attributes: [],
        sequenceNumber: 4,
        sequenceNumberForAllocation: {},
        deleted: false,
      }),
    ),
  "a pod goes without a DEL": (patient) => patient.remove("/workloadendpoints/"),
};

describe("a store that was damaged by hand", () => {
  it.each(SEEDS)("is sound again, and nobody who lives lost an address (OCICAT_DAMAGE_SEED=%d)", async (seed) => {
    const patient = new Patient(seed);
    await patient.live();
    const harms: string[] = [];
    for (let count = 1 + patient.number(6); count > 0; count--) harms.push(await patient.damage());
    const judged = await patient.mend();
    // A block that says neither who holds an address nor that it is free, and an endpoint uses it: that is a person's.
    if (judged.some((what) => what.startsWith("IPAM_OWNER_MISSING"))) return;
    expect({ harms, judged }).toEqual({ harms, judged: [] });
    expect(await auditIpam(patient.world.store)).toEqual([]);
    const { blocks } = await readBlocks(patient.world.store);
    const held = new Map([...allHolders(blocks)].map(({ address, handleId }) => [formatAddress(address), handleId]));
    const endpoints = await patient.keys("/workloadendpoints/");
    for (const key of endpoints) {
      const { value = "" } = (await patient.world.store.get(key)) ?? {};
      const { spec } = JSON.parse(value) as { spec: { containerID: string; ipNetworks: string[] } };
      for (const network of spec.ipNetworks)
        expect(held.get(network.replace("/32", ""))).toBe(`net.${spec.containerID}`);
    }
    expect(held.size).toBe(endpoints.length);
  });
});
