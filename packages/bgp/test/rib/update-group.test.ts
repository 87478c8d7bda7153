import { parsePrefix } from "@ocicat/net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { acceptAll, type Policy, reject } from "../../src/filter/policy.ts";
import type { AdjRibIn } from "../../src/rib/adj-rib-in.ts";
import { type ExportView, exportPath } from "../../src/rib/export.ts";
import type { Member } from "../../src/rib/seat.ts";
import type { RibPeer, SourceId } from "../../src/rib/sources.ts";
import { UpdateGroup } from "../../src/rib/update-group.ts";
import { canonicalBytes } from "../../src/wire/attributes/encode.ts";
import type { PathAttributes } from "../../src/wire/attributes/types.ts";
import { DEFAULT_CONTEXT } from "../../src/wire/context.ts";
import { decodeUpdates } from "../support/bytes.ts";
import { address4 } from "../support/lab.ts";
import { path, RibLab, ribPeer } from "../support/rib.ts";

const EXTERNAL_AS = 64513;
const PREFIXES = Array.from({ length: 8 }, (_, index) => parsePrefix(`10.${index}.0.0/16`));

/** A peer on the receiving end: keeps the table that the messages build. */
class Receiver implements Member {
  readonly peer: RibPeer;
  readonly source: SourceId;
  readonly table = new Map<string, string>();
  updates = 0;
  endsOfRib = 0;
  full = false;
  /** Announcements that changed nothing, and withdrawals of what was not there. */
  idle = 0;

  constructor(peer: RibPeer, source: SourceId) {
    this.peer = peer;
    this.source = source;
  }

  send(bytes: Uint8Array, updates: number): boolean {
    const messages = decodeUpdates(bytes, { ...DEFAULT_CONTEXT, internal: this.peer.internal });
    expect(messages).toHaveLength(updates);
    for (const { withdrawn, announced, endOfRib } of messages) {
      if (endOfRib === undefined) this.updates += 1;
      else this.endsOfRib += 1;
      for (const prefix of withdrawn.prefixes) if (!this.table.delete(prefix.toString())) this.idle += 1;
      for (const { attributes, prefixes } of announced)
        for (const prefix of prefixes) this.#learn(prefix.toString(), attributes);
    }
    return !this.full;
  }

  #learn(prefix: string, attributes: PathAttributes): void {
    const key = canonicalBytes(attributes).join();
    if (this.table.get(prefix) === key) this.idle += 1;
    this.table.set(prefix, key);
  }
}

function viewFor(internal: boolean, policy: Policy): ExportView {
  return {
    peer: { internal, localAs: 64512, remoteAs: internal ? 64512 : EXTERNAL_AS },
    nextHopMode: "auto",
    self: { 4: address4("10.0.0.254") },
    policy,
  };
}

const oddOnly: Policy = ({ prefix }) =>
  Number(prefix.toString().split(".")[1]) % 2 === 1 ? { accept: true } : reject("even");

class World extends RibLab {
  readonly peers = [
    ribPeer("10.0.0.1"),
    ribPeer("10.0.0.2"),
    ribPeer("10.0.0.3", { as: EXTERNAL_AS, internal: false }),
    ribPeer("10.0.0.4", { as: EXTERNAL_AS, internal: false }),
  ];
  readonly ribs: readonly AdjRibIn[] = this.peers.map((peer) => this.adjRibIn(peer));
  readonly receivers = this.peers.map((peer, index) => new Receiver(peer, this.ribs[index]?.source ?? 0));
  readonly groups = [true, false].flatMap((internal) =>
    [acceptAll, oddOnly].map((policy) => this.group(internal, policy)),
  );
  readonly seatedIn: (UpdateGroup | undefined)[] = this.peers.map(() => undefined);

  group(internal: boolean, policy: Policy): UpdateGroup {
    return new UpdateGroup({
      view: viewFor(internal, policy),
      families: [4],
      codec: { ...DEFAULT_CONTEXT, internal },
      locRib: this.locRib,
      deferred: () => false,
      complete: () => this.locRib.pending === 0,
    });
  }

  groupOf(index: number, odd: boolean): UpdateGroup {
    const group = this.groups[(this.peers[index]?.internal === true ? 0 : 2) + (odd ? 1 : 0)];
    if (group === undefined) throw new Error("no such group");
    return group;
  }

  join(index: number, odd: boolean): void {
    const receiver = this.receivers[index];
    if (receiver === undefined || this.seatedIn[index] !== undefined) return;
    receiver.table.clear();
    receiver.full = false;
    this.seatedIn[index] = this.groupOf(index, odd);
    this.seatedIn[index]?.join(receiver);
  }

  move(index: number, odd: boolean): void {
    const [receiver, from] = [this.receivers[index], this.seatedIn[index]];
    const to = this.groupOf(index, odd);
    if (receiver === undefined || from === undefined || from === to) return;
    to.take(receiver, from);
    this.seatedIn[index] = to;
  }

  leave(index: number): void {
    const receiver = this.receivers[index];
    if (receiver !== undefined) this.seatedIn[index]?.leave(receiver);
    this.seatedIn[index] = undefined;
  }

  setFull(index: number, full: boolean): void {
    const receiver = this.receivers[index];
    if (receiver === undefined) return;
    receiver.full = full;
    if (!full) this.seatedIn[index]?.drained(receiver);
  }

  flush(limit: number): void {
    this.locRib.settle(limit, (prefix, changed) => {
      if (changed) for (const group of this.groups) group.consider(prefix);
    });
    for (const group of this.groups) group.flush(limit);
  }

  finish(): void {
    for (const index of this.peers.keys()) this.setFull(index, false);
    for (let turn = 0; turn < 100 && (this.locRib.pending > 0 || this.groups.some((group) => group.pending)); turn++)
      this.flush(100);
  }

  /** What a receiver must know, computed anew from the Loc-RIB. */
  expected(index: number): Map<string, string> {
    const table = new Map<string, string>();
    const receiver = this.receivers[index];
    const odd = this.seatedIn[index] === this.groupOf(index, true);
    const { locRib } = this;
    for (const id of locRib.ids()) {
      const best = locRib.told(id);
      if (best === undefined || best.source === receiver?.source) continue;
      const attributes = locRib.store.attributes(best.set);
      const path = { attributes, source: locRib.sources.peer(best.source), origin: locRib.originOf(id) };
      const view = viewFor(receiver?.peer.internal === true, odd ? oddOnly : acceptAll);
      const verdict = exportPath(locRib.prefixOf(id), path, view);
      if ("attributes" in verdict) table.set(locRib.prefixOf(id).toString(), canonicalBytes(verdict.attributes).join());
    }
    return new Map([...table].sort());
  }

  received(index: number): Map<string, string> {
    return new Map([...(this.receivers[index]?.table ?? [])].sort());
  }
}

const who = fc.integer({ min: 0, max: 3 });
const what = fc.subarray(PREFIXES, { minLength: 1 });
const action = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant("announce" as const), who, what, med: fc.integer({ min: 0, max: 2 }) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("withdraw" as const), who, what }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("own" as const), what, med: fc.integer({ min: 0, max: 2 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("disown" as const), what }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("join" as const), who, odd: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("leave" as const), who }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("move" as const), who, odd: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("full" as const), who, full: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("refresh" as const), who }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("flush" as const), limit: fc.constantFrom(1, 3, 100) }) },
);
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

function apply(world: World, step: Action): void {
  switch (step.do) {
    case "announce": {
      const peer = world.peers[step.who];
      const asPath = peer?.internal === true ? [] : [{ type: "sequence" as const, asns: [EXTERNAL_AS] }];
      world.ribs[step.who]?.announce({ prefixes: step.what }, path({ med: step.med, asPath }));
      break;
    }
    case "withdraw":
      world.ribs[step.who]?.withdraw({ prefixes: step.what });
      break;
    case "own":
      for (const prefix of step.what) world.own.announce({ prefix, origin: "test", attributes: { med: step.med } });
      break;
    case "disown":
      for (const prefix of step.what) world.own.withdraw(prefix);
      break;
    case "join":
      world.join(step.who, step.odd);
      break;
    case "leave":
      world.leave(step.who);
      break;
    case "move":
      world.move(step.who, step.odd);
      break;
    case "full":
      world.setFull(step.who, step.full);
      break;
    case "refresh": {
      const receiver = world.receivers[step.who];
      if (receiver !== undefined) world.seatedIn[step.who]?.refresh(receiver, 4, false);
      break;
    }
    case "flush":
      world.flush(step.limit);
      break;
  }
}

describe("an update group", () => {
  it("ends with every member knowing exactly what the Loc-RIB says it should, whatever happened in between", () => {
    fc.assert(
      fc.property(fc.array(action, { minLength: 1, maxLength: 60 }), (steps) => {
        const world = new World();
        for (const step of steps) apply(world, step);
        world.finish();
        for (const [index, group] of world.seatedIn.entries()) {
          if (group === undefined) continue;
          expect(world.received(index)).toEqual(world.expected(index));
          const receiver = world.receivers[index];
          if (receiver !== undefined) expect(group.count(receiver)).toBe(world.expected(index).size);
        }
        // And lets go of everything in the end.
        for (const rib of world.ribs) rib.clear();
        world.own.declare([]);
        world.finish();
        for (const group of world.groups) group.dissolve();
        expect([world.locRib.size, world.locRib.store.size]).toEqual([0, 0]);
      }),
      { seed: 21, numRuns: 500 },
    );
  });

  it("sends nothing twice to members that keep up", () => {
    fc.assert(
      fc.property(fc.array(action, { minLength: 1, maxLength: 40 }), (steps) => {
        const world = new World();
        for (const index of world.peers.keys()) world.join(index, false);
        const quiet = new Set(["announce", "withdraw", "own", "disown", "flush"]);
        for (const step of steps.filter((one) => quiet.has(one.do))) {
          apply(world, step);
          world.finish();
        }
        for (const receiver of world.receivers) expect(receiver.idle).toBe(0);
      }),
      { seed: 22, numRuns: 150 },
    );
  });

  it("costs one UPDATE a member for one route more in a table of a thousand, and encodes it once", () => {
    const world = new World();
    const table = Array.from({ length: 1000 }, (_, index) =>
      parsePrefix(`172.${16 + (index >> 8)}.${index & 255}.0/24`),
    );
    for (const prefix of table) world.own.announce({ prefix, origin: "test" });
    for (const index of world.peers.keys()) world.join(index, false);
    world.finish();
    const sent: Uint8Array[] = [];
    for (const receiver of world.receivers.slice(0, 2)) {
      receiver.updates = 0;
      const send = receiver.send.bind(receiver);
      receiver.send = (bytes, updates) => {
        sent.push(bytes);
        return send(bytes, updates);
      };
    }
    world.own.announce({ prefix: parsePrefix("172.31.0.0/24"), origin: "one more" });
    world.finish();
    expect(world.receivers.slice(0, 2).map(({ updates }) => updates)).toEqual([1, 1]);
    expect(sent).toHaveLength(2);
    expect(sent[0]?.buffer).toBe(sent[1]?.buffer);
  });

  it("tells a member that moves to a new group nothing that it knows, however slowly that group gets ready", () => {
    const world = new World();
    for (const prefix of PREFIXES) world.own.announce({ prefix, origin: "test" });
    world.join(0, false);
    world.finish();
    const [receiver] = world.receivers;
    const [from] = world.seatedIn;
    // The old group's order of announcement is not the order in which the new one gets to them: a refused path keeps the
    // first prefix at its place in the Loc-RIB while its announcement goes and comes back.
    world.ribs[0]?.announce(
      { prefixes: PREFIXES.slice(0, 1) },
      path({ asPath: [{ type: "sequence", asns: [64512] }] }),
    );
    world.own.withdraw(PREFIXES[0] ?? never());
    world.finish();
    world.own.announce({ prefix: PREFIXES[0] ?? never(), origin: "test" });
    world.finish();
    if (receiver === undefined || from === undefined) throw new Error("nobody is there");
    const twin = world.group(true, acceptAll);
    receiver.updates = 0;
    twin.take(receiver, from);
    for (let turn = 0; turn < 20; turn++) twin.flush(1);
    expect(receiver).toMatchObject({ updates: 0, endsOfRib: 1 });
    expect(receiver.table.size).toBe(PREFIXES.length);
  });

  it("sends End-of-RIB once, after the table", () => {
    const world = new World();
    for (const prefix of PREFIXES) world.own.announce({ prefix, origin: "test" });
    world.join(0, false);
    world.flush(1);
    const [receiver] = world.receivers;
    expect(receiver).toMatchObject({ endsOfRib: 0 });
    world.finish();
    expect(receiver).toMatchObject({ endsOfRib: 1 });
    expect(receiver?.table.size).toBe(PREFIXES.length);
    world.own.withdraw(PREFIXES[0] ?? never());
    world.finish();
    expect(receiver).toMatchObject({ endsOfRib: 1 });
  });

  it("does not announce what does not fit a message, and withdraws it if it was there", () => {
    const world = new World();
    world.join(0, false);
    const [prefix] = PREFIXES;
    if (prefix === undefined) throw new Error("no prefix");
    world.own.announce({ prefix, origin: "small" });
    world.finish();
    expect(world.receivers[0]?.table.size).toBe(1);
    const communities = Array.from({ length: 1100 }, (_, index) => index);
    world.own.announce({ prefix, origin: "large", attributes: { communities } });
    world.finish();
    expect(world.receivers[0]?.table.size).toBe(0);
  });
});

function never(): never {
  throw new Error("missing");
}
