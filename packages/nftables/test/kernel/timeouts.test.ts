import { setTimeout as pause } from "node:timers/promises";
import { origin } from "@ocicat/kit";
import { parsePrefix } from "@ocicat/net";
import { element, NftReconciler, number, prefixValue, set, table, type Value } from "@ocicat/nftables";
import { FakeNftables } from "@ocicat/nftables/fake";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readCanonical } from "../support/canonical.ts";
import { Namespace } from "../support/namespace.ts";
import { NfnetlinkSocket } from "../support/nfnetlink.ts";

const REF = { family: "inet", name: "oct-timeouts" } as const;
const REVOKED = { table: REF, set: "revoked" } as const;
const why = origin("a connection that lost its permission");

const empty = table({
  ...REF,
  origin: why,
  sets: [
    set({
      name: REVOKED.set,
      key: ["ipv4_addr", "ipv4_addr", "inet_service", "inet_service"],
      timeout: true,
      origin: why,
    }),
  ],
});

const host = (text: string): Value => prefixValue(parsePrefix(`${text}/32`));
const flow = (port: number): readonly Value[] => [host("10.0.0.1"), host("10.0.0.2"), number(port), number(80)];

let namespace: Namespace;
let kernel: NfnetlinkSocket;
let reconciler: NftReconciler;

beforeEach(() => {
  namespace = new Namespace("to");
  kernel = new NfnetlinkSocket(namespace);
  reconciler = new NftReconciler(kernel);
  reconciler.setTables([REF], [empty]);
  reconciler.apply();
});

afterEach(() => {
  kernel[Symbol.dispose]();
  namespace[Symbol.dispose]();
});

function revoke(port: number, timeout: number): void {
  reconciler.putElement(REVOKED, element(why, flow(port), undefined, { timeout }));
  reconciler.apply();
}

/** Seconds by source port, of what is there. */
function there(): readonly (readonly [port: string | undefined, timeout: number | undefined])[] {
  const [read] = readCanonical(kernel, REF);
  return (read?.sets[0]?.elements ?? []).map(({ text, timeout }) => [text.split(" . ")[2], timeout] as const);
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await pause(20);
}

describe("elements that go by themselves", () => {
  it("are there as long as they were told to be, and their going is no drift", async () => {
    revoke(1, 900);
    revoke(2, 1);
    expect(there()).toContainEqual(["1", 900]);
    await until(() => there().length === 1);
    expect(there()).toEqual([["1", 900]]);
    reconciler.resync();
    expect(reconciler.apply()).toEqual([]);
    expect(there()).toEqual([["1", 900]]);
  });

  it("are told once: nothing more is sent of them, nor kept", () => {
    revoke(1, 900);
    const { commits } = kernel;
    expect(reconciler.apply()).toEqual([]);
    expect(kernel.commits).toBe(commits);
  });

  it("stay where another takes the table over", () => {
    revoke(1, 900);
    kernel[Symbol.dispose]();
    kernel = new NfnetlinkSocket(namespace);
    reconciler = new NftReconciler(kernel);
    reconciler.setTables([REF], [empty]);
    expect(reconciler.apply().map(({ op }) => op)).toEqual(["table.flags"]);
    expect(there()).toEqual([["1", 900]]);
  });

  it("can be taken away before, and also when they have gone", async () => {
    revoke(1, 900);
    revoke(2, 1);
    await until(() => there().length === 1);
    reconciler.deleteElement(REVOKED, flow(1));
    reconciler.deleteElement(REVOKED, flow(2));
    reconciler.apply();
    expect(there()).toEqual([]);
  });

  it("begin anew when they are told again", async () => {
    revoke(1, 1);
    revoke(1, 900);
    revoke(2, 1);
    await until(() => there().every(([port]) => port !== "2"));
    expect(there()).toEqual([["1", 900]]);
  });

  it("may come and go between two applies", () => {
    reconciler.putElement(REVOKED, element(why, flow(1), undefined, { timeout: 900 }));
    reconciler.deleteElement(REVOKED, flow(1));
    reconciler.putElement(REVOKED, element(why, flow(2), undefined, { timeout: 900 }));
    reconciler.apply();
    expect(there()).toEqual([["2", 900]]);
  });
});

it("the fake lets them go when its time passes", () => {
  const fake = new FakeNftables();
  const socket = fake.open();
  const nft = new NftReconciler(socket);
  nft.setTables([REF], [empty]);
  nft.putElement(REVOKED, element(why, flow(1), undefined, { timeout: 900 }));
  nft.putElement(REVOKED, element(why, flow(2)));
  nft.apply();
  const ports = () => readCanonical(socket, REF)[0]?.sets[0]?.elements.map(({ text }) => text.split(" . ")[2]);
  fake.elapse(899);
  expect(ports()).toEqual(["1", "2"]);
  fake.elapse(1);
  expect(ports()).toEqual(["2"]);
  nft.deleteElement(REVOKED, flow(1));
  nft.resync();
  nft.apply();
  expect(ports()).toEqual(["2"]);
});
