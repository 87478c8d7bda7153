import { parsePrefix } from "@ocicat/net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { acceptAll } from "../../src/filter/policy.ts";
import { NONE } from "../../src/rib/columns.ts";
import { exportPath } from "../../src/rib/export.ts";
import type { Member } from "../../src/rib/seat.ts";
import type { SourceId } from "../../src/rib/sources.ts";
import { UpdateGroup } from "../../src/rib/update-group.ts";
import { canonicalBytes } from "../../src/wire/attributes/encode.ts";
import { DEFAULT_CONTEXT } from "../../src/wire/context.ts";
import { decodeUpdates } from "../support/bytes.ts";
import { address4 } from "../support/lab.ts";
import { path, RibLab, ribPeer } from "../support/rib.ts";

const PREFIXES = Array.from({ length: 4 }, (_, index) => parsePrefix(`10.${index}.0.0/16`));
const CLUSTER = address4("10.0.0.254");
const CLIENT = { reflectorClient: true, clusterId: CLUSTER };
const SENDING = { ...DEFAULT_CONTEXT, addPath: { 4: { send: true, receive: false } } };
const RECEIVING = { ...DEFAULT_CONTEXT, addPath: { 4: { send: false, receive: true } } };
const VIEW = {
  peer: { internal: true, localAs: 64_512, remoteAs: 64_512 },
  nextHopMode: "auto" as const,
  self: { 4: CLUSTER },
  policy: acceptAll,
  ...CLIENT,
};

/** A peer that takes several paths to a prefix: its table is by prefix and path identifier (RFC 7911 §3). */
class Receiver implements Member {
  readonly source: SourceId;
  readonly table = new Map<string, string>();
  full = false;

  constructor(source: SourceId) {
    this.source = source;
  }

  send(bytes: Uint8Array): boolean {
    for (const { withdrawn, announced } of decodeUpdates(bytes, RECEIVING)) {
      for (const [index, prefix] of withdrawn.prefixes.entries()) {
        this.table.delete(`${prefix} ${withdrawn.pathIds?.[index]}`);
      }
      for (const { attributes, prefixes, pathIds } of announced) {
        for (const [index, prefix] of prefixes.entries())
          this.table.set(`${prefix} ${pathIds?.[index]}`, canonicalBytes(attributes).join());
      }
    }
    return !this.full;
  }
}

class World extends RibLab {
  readonly peers = [1, 2, 3].map((last) => ribPeer(`10.0.0.${last}`, CLIENT));
  readonly ribs = this.peers.map((peer) => this.adjRibIn(peer));
  readonly receivers = this.ribs.map(({ source }) => new Receiver(source));
  readonly groups: readonly UpdateGroup[];
  /** The group that a receiver is in. */
  readonly seats: (number | undefined)[] = this.peers.map(() => undefined);

  constructor(mostPaths?: number) {
    super();
    this.groups = [0, 1].map(
      () =>
        new UpdateGroup({
          view: VIEW,
          families: [4],
          codec: SENDING,
          locRib: this.locRib,
          mostPaths,
          deferred: () => false,
          complete: () => true,
        }),
    );
  }

  group(index: number): UpdateGroup {
    const group = this.groups[index];
    if (group === undefined) throw new Error("no such group");
    return group;
  }

  flush(limit: number): void {
    this.locRib.settle(limit, (prefix) => {
      for (const group of this.groups) group.consider(prefix);
    });
    for (const group of this.groups) group.flush(limit);
  }

  finish(): void {
    for (const [index, receiver] of this.receivers.entries()) this.setFull(index, receiver, false);
    for (let turn = 0; turn < 100 && (this.locRib.pending > 0 || this.groups.some(({ pending }) => pending)); turn++)
      this.flush(100);
  }

  setFull(index: number, receiver: Receiver, full: boolean): void {
    receiver.full = full;
    const seat = this.seats[index];
    if (!full && seat !== undefined) this.group(seat).drained(receiver);
  }

  /** Every accepted path but the receiver's own, as an internal peer is told of it. */
  expected(receiver: Receiver): string[] {
    const { paths, store, sources, prefixes } = this.locRib;
    const table: string[] = [];
    for (const id of this.locRib.ids()) {
      for (let one = paths.first(id); one !== NONE; one = paths.next(one)) {
        const source = paths.source[one] ?? 0;
        if (source === receiver.source && source !== 0) continue;
        const attributes = store.attributes(paths.accepted[one] ?? NONE);
        const told = exportPath(prefixes.prefixOf(id), { attributes, source: sources.peer(source), origin: "" }, VIEW);
        if ("attributes" in told) table.push(`${prefixes.prefixOf(id)} ${canonicalBytes(told.attributes).join()}`);
      }
    }
    return table.sort();
  }
}

const who = fc.nat(2);
const what = fc.nat(PREFIXES.length - 1);
const action = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("announce" as const), who, what, id: fc.nat(1), med: fc.nat(2) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("withdraw" as const), who, what, id: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("own" as const), what, there: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("sit" as const), who, group: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("leave" as const), who }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("full" as const), who, full: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("refresh" as const), who }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("flush" as const), limit: fc.constantFrom(1, 2, 100) }) },
);
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

function apply(world: World, step: Action): void {
  const receiver = "who" in step ? world.receivers[step.who] : undefined;
  const rib = "who" in step ? world.ribs[step.who] : undefined;
  const prefix = "what" in step ? PREFIXES[step.what] : undefined;
  const seat = "who" in step ? world.seats[step.who] : undefined;
  switch (step.do) {
    case "announce":
      if (prefix !== undefined) rib?.announce({ prefixes: [prefix], pathIds: [step.id] }, path({ med: step.med }));
      break;
    case "withdraw":
      if (prefix !== undefined) rib?.withdraw({ prefixes: [prefix], pathIds: [step.id] });
      break;
    case "own":
      if (prefix === undefined) break;
      if (step.there) world.own.announce({ prefix, origin: "test" });
      else world.own.withdraw(prefix);
      break;
    case "sit":
      if (receiver === undefined || seat === step.group) break;
      if (seat === undefined) {
        receiver.table.clear();
        receiver.full = false;
        world.group(step.group).join(receiver);
      } else world.group(step.group).take(receiver, world.group(seat));
      world.seats[step.who] = step.group;
      break;
    case "leave":
      if (receiver !== undefined && seat !== undefined) world.group(seat).leave(receiver);
      world.seats[step.who] = undefined;
      break;
    case "full":
      if (receiver !== undefined) world.setFull(step.who, receiver, step.full);
      break;
    case "refresh":
      if (receiver !== undefined && seat !== undefined) world.group(seat).refresh(receiver, 4, false);
      break;
    case "flush":
      world.flush(step.limit);
      break;
  }
}

describe("a group that is told several paths to a prefix (RFC 7911)", () => {
  it("ends with every member knowing every path but its own, whatever happened in between", () => {
    fc.assert(
      fc.property(fc.array(action, { minLength: 1, maxLength: 60 }), (steps) => {
        const world = new World();
        for (const step of steps) apply(world, step);
        world.finish();
        for (const [index, receiver] of world.receivers.entries()) {
          if (world.seats[index] === undefined) continue;
          const table = [...receiver.table].map(([key, value]) => `${key.split(" ")[0]} ${value}`).sort();
          expect(table).toEqual(world.expected(receiver));
          expect(world.group(world.seats[index] ?? 0).count(receiver)).toBe(table.length);
        }
        for (const rib of world.ribs) rib.clear();
        world.own.declare([]);
        world.finish();
        for (const group of world.groups) group.dissolve();
        expect([world.locRib.size, world.locRib.store.size]).toEqual([0, 0]);
      }),
      { seed: 31, numRuns: 400 },
    );
  });

  it("tells no more than the best few where it is told to", () => {
    const world = new World(2);
    const [prefix = parsePrefix("10.0.0.0/16")] = PREFIXES;
    for (const [index, rib] of world.ribs.entries()) rib.announce({ prefixes: [prefix] }, path({ med: 9 - index }));
    const watcher = new Receiver(world.adjRibIn(ribPeer("10.0.0.9", CLIENT)).source);
    world.group(0).join(watcher);
    world.finish();
    expect(watcher.table.size).toBe(2);
    world.ribs[2]?.clear();
    world.finish();
    expect(watcher.table.size).toBe(2);
    world.ribs[1]?.clear();
    world.finish();
    expect(watcher.table.size).toBe(1);
  });
});
