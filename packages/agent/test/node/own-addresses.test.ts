import { node } from "@ocicat/api";
import { ResourceClient } from "@ocicat/client";
import { type KeyValue, MemoryDatastore, type Revision } from "@ocicat/datastore";
import { Scope, seededRandom, silentLogger, TestClock } from "@ocicat/kit";
import { FakeKernel, type KernelOperation } from "@ocicat/linux/kernel";
import { parseAddress } from "@ocicat/net";
import { beforeEach, describe, expect, it } from "vitest";
import { OwnAddresses } from "../../src/node/own-addresses.ts";

const REFRESH_MS = 60_000;
const SCOPE_UNIVERSE = 0;

/** Counts the questions that it is asked; while it is away it answers none. */
class AskedDatastore extends MemoryDatastore {
  asked = 0;
  isAway = false;

  override get(key: string, revision?: Revision): Promise<KeyValue | undefined> {
    this.asked += 1;
    return this.isAway ? Promise.reject(new Error("away")) : super.get(key, revision);
  }
}

let kernel: FakeKernel;
let clock: TestClock;
let store: AskedDatastore;
let client: ResourceClient;
let own: OwnAddresses;

beforeEach(async () => {
  kernel = new FakeKernel();
  clock = new TestClock();
  store = new AskedDatastore({ clock });
  client = new ResourceClient({ store, clock, random: seededRandom(1) });
  link("ens3");
  address("ens3", "192.168.0.81");
  own = new OwnAddresses({
    kernel,
    client,
    nodeName: "node1",
    ip: { kind: "detect", method: { name: "first-found" } },
    ip6: { kind: "none" },
    extras: { asNumber: undefined, kubernetesNode: undefined },
    checksOwnAddress: true,
    refreshMs: REFRESH_MS,
    clock,
    random: seededRandom(1),
    logger: silentLogger,
    scope: new Scope("test"),
    defer: setImmediate,
    onGone: () => undefined,
  });
  await own.establish();
  own.watch("cali");
  await settled();
  store.asked = 0;
});

function must(...operations: KernelOperation[]): void {
  expect(kernel.apply(operations).filter((outcome) => outcome !== undefined)).toEqual([]);
}

const indexOf = (name: string) => kernel.link(name)?.index ?? 0;

function link(name: string): void {
  must({ op: "link.veth", veth: { name, up: true, peer: { name: `${name}-far` } } });
  must({ op: "link.set", index: indexOf(`${name}-far`), change: { up: true } });
}

function address(name: string, text: string, op: "address.add" | "address.delete" = "address.add"): void {
  const linkIndex = indexOf(name);
  must({ op, address: { linkIndex, address: parseAddress(text), prefixLength: 24, scope: SCOPE_UNIVERSE } });
}

/** Until what the kernel tells has come, and what follows from it is done. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

const registered = async () => (await client.get(node, "node1")).spec.bgp?.ipv4Address;

describe("a node's own addresses", () => {
  it("are not asked for of the datastore when others' links come and go", async () => {
    for (const name of ["docker0", "veth1", "eth7"]) {
      link(name);
      await settled();
      must({ op: "link.delete", index: indexOf(name) });
      await settled();
    }
    expect(store.asked).toBe(0);
  });

  it("are told at once when they change, and what else would do is known", async () => {
    link("ens4");
    address("ens4", "192.168.7.7");
    await settled();
    expect(own.found.ipv4?.others.map(({ interfaceName }) => interfaceName)).toEqual(["ens4"]);
    address("ens3", "192.168.0.81", "address.delete");
    await settled();
    expect(await registered()).toBe("192.168.7.7/24");
    expect(own.found.ipv4?.chosen.interfaceName).toBe("ens4");
  });

  it("stand in the node's resource by interface, containers' and this network's own left out", async () => {
    const interfaces = async () => (await client.get(node, "node1")).spec.interfaces;
    expect(await interfaces()).toEqual([{ name: "ens3", addresses: ["192.168.0.81"] }]);
    for (const name of ["docker0", "cali1234", "bond0"]) link(name);
    address("docker0", "172.17.0.1");
    address("bond0", "203.0.113.5");
    address("bond0", "fd00::5");
    address("bond0", "fe80::5");
    address("cali1234", "10.65.0.7");
    await settled();
    expect(await interfaces()).toEqual([
      { name: "ens3", addresses: ["192.168.0.81"] },
      { name: "bond0", addresses: ["203.0.113.5", "fd00::5"] },
    ]);
    store.asked = 0;
    address("docker0", "172.18.0.1");
    await settled();
    expect(store.asked).toBe(0);
    must({ op: "link.delete", index: indexOf("bond0") });
    await settled();
    expect(await interfaces()).toEqual([{ name: "ens3", addresses: ["192.168.0.81"] }]);
  });

  it("are kept while there is none, and found as soon as there is", async () => {
    address("ens3", "192.168.0.81", "address.delete");
    await settled();
    expect(await registered()).toBe("192.168.0.81/24");
    address("ens3", "192.168.0.99");
    await settled();
    expect(await registered()).toBe("192.168.0.99/24");
  });

  it("are written again at the refresh where somebody took them away, however often links change before it", async () => {
    const present = await client.get(node, "node1");
    await client.replace({ ...present, spec: {} });
    for (let half = 0; half < 2; half++) {
      clock.advance(REFRESH_MS / 2);
      link(`eth${half}`);
      await settled();
    }
    expect(await registered()).toBe("192.168.0.81/24");
  });

  it("are written when the datastore answers again, if it did not when they changed", async () => {
    store.isAway = true;
    address("ens3", "192.168.0.81", "address.delete");
    address("ens3", "192.168.0.99");
    await settled();
    expect(store.asked).toBeGreaterThan(0);
    store.isAway = false;
    clock.advance(1000);
    await settled();
    expect(await registered()).toBe("192.168.0.99/24");
  });
});
