import { type Random, seededRandom } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import { nextStep, type TunnelFacts } from "../../src/tunnels/protocol.ts";

const resting: TunnelFacts = {
  wanted: false,
  device: "absent",
  published: false,
  declared: false,
  sending: false,
  othersDeclare: false,
};
const inUse: TunnelFacts = { ...resting, wanted: true, device: "right", published: true, declared: true };

describe("the next step of a tunnel", () => {
  it.each([
    ["is nothing while it rests", resting, { device: "leave", publish: false, declare: false, usable: false }],
    ["is nothing while it is in use", inUse, { device: "leave", publish: true, declare: true, usable: true }],
    [
      "is its device once it is wanted, and no word before that works",
      { ...resting, wanted: true },
      { device: "make", publish: false, declare: false, usable: false },
    ],
    [
      "is both words once the device works, and no use before they are seen",
      { ...inUse, published: false, declared: false },
      { device: "leave", publish: true, declare: true, usable: false },
    ],
    [
      "mends a device that carries packets without ceasing to use it",
      { ...inUse, device: "flawed" },
      { device: "make", publish: true, declare: true, usable: true },
    ],
    [
      "does not use a device that is gone, and takes back no word",
      { ...inUse, device: "absent" },
      { device: "make", publish: true, declare: true, usable: false },
    ],
    [
      "is nothing while routes lead through it that can go nowhere else",
      { ...inUse, wanted: false, sending: true },
      { device: "leave", publish: true, declare: true, usable: true },
    ],
    [
      "is to send no more by it, first",
      { ...inUse, wanted: false, othersDeclare: true },
      { device: "leave", publish: true, declare: false, usable: false },
    ],
    [
      "is to wait for those who send by it",
      { ...inUse, wanted: false, declared: false, othersDeclare: true },
      { device: "leave", publish: true, declare: false, usable: false },
    ],
    [
      "is to withdraw when nobody does",
      { ...inUse, wanted: false, declared: false },
      { device: "leave", publish: false, declare: false, usable: false },
    ],
    [
      "keeps the device for one who declared before he saw the withdrawal",
      { ...resting, device: "right", othersDeclare: true },
      { device: "leave", publish: false, declare: false, usable: false },
    ],
    [
      "takes the device away at last",
      { ...resting, device: "flawed" },
      { device: "remove", publish: false, declare: false, usable: false },
    ],
  ] as const)("%s", (_what, facts, step) => {
    expect(nextStep(facts)).toEqual(step);
  });
});

/*
 * Nodes that see each other's words and the pool's mode late, each at its own pace, in the order they were written; switched
 * to and fro at any moment. A packet is sent by the device a route leads through: it must be there at the far end.
 */
const KINDS = ["a", "b"] as const;
type Kind = (typeof KINDS)[number];

interface Words {
  readonly published: ReadonlySet<Kind>;
  readonly declared: ReadonlySet<Kind>;
}

type Written = { readonly mode: Kind | "direct" } | { readonly node: number; readonly words: Words };

class SimulatedNode {
  readonly #self: number;
  readonly #log: readonly Written[];
  readonly devices = new Set<Kind>();
  readonly #words: Words[];
  #mode: Kind | "direct" = "direct";
  #seen = 0;
  #awaited = 0;
  readonly usable = new Set<Kind>();

  constructor(self: number, nodes: number, log: readonly Written[]) {
    this.#self = self;
    this.#log = log;
    this.#words = Array.from({ length: nodes }, () => ({ published: new Set(), declared: new Set() }));
  }

  get isCurrent(): boolean {
    return this.#seen === this.#log.length;
  }

  /** The watch delivers the next entry. */
  see(): void {
    const entry = this.#log[this.#seen];
    if (entry === undefined) return;
    this.#seen += 1;
    if ("mode" in entry) this.#mode = entry.mode;
    else this.#words[entry.node] = entry.words;
  }

  /** Where a packet to another node goes: by the pool's way if both ends can, else by what both have, else directly. */
  way(to: number): Kind | "direct" {
    const published = this.#words[to]?.published ?? new Set();
    const can = (kind: Kind) => this.usable.has(kind) && published.has(kind);
    if (this.#mode !== "direct" && can(this.#mode)) return this.#mode;
    if (this.#mode === "direct") return "direct";
    return KINDS.find((kind) => can(kind)) ?? "direct";
  }

  /** One look, one device made or taken away, one write: what to write, if anything. */
  act(): Words | undefined {
    if (this.#seen < this.#awaited) return undefined;
    const own = this.#words[this.#self];
    if (own === undefined) return undefined;
    const publish = new Set<Kind>();
    const declare = new Set<Kind>();
    for (const kind of KINDS) {
      const others = this.#words.filter((_, node) => node !== this.#self);
      const step = nextStep({
        wanted: this.#mode === kind,
        device: this.devices.has(kind) ? "right" : "absent",
        published: own.published.has(kind),
        declared: own.declared.has(kind),
        sending: others.some((_, index) => this.way(index < this.#self ? index : index + 1) === kind),
        othersDeclare: others.some((words) => words.declared.has(kind)),
      });
      if (step.device === "make") this.devices.add(kind);
      if (step.device === "remove") this.devices.delete(kind);
      if (step.usable) this.usable.add(kind);
      else this.usable.delete(kind);
      if (step.publish) publish.add(kind);
      if (step.declare) declare.add(kind);
    }
    if (same(publish, own.published) && same(declare, own.declared)) return undefined;
    return { published: publish, declared: declare };
  }

  wrote(revision: number): void {
    this.#awaited = revision;
  }
}

function same(a: ReadonlySet<Kind>, b: ReadonlySet<Kind>): boolean {
  return a.size === b.size && [...a].every((kind) => b.has(kind));
}

interface Outcome {
  readonly lost: number;
  readonly ways: ReadonlySet<string>;
  readonly devices: readonly (readonly Kind[])[];
}

/** Where `modes` has none without a tunnel, nodes are taken to be across a router: who could be reached once must stay so. */
function simulate(random: Random, nodes: number, switches: number, modes: readonly (Kind | "direct")[]): Outcome {
  const log: Written[] = [];
  const cluster = Array.from({ length: nodes }, (_, index) => new SimulatedNode(index, nodes, log));
  let lost = 0;
  let left = switches;
  const reached = new Set<string>();
  const send = () => {
    for (const [from, sender] of cluster.entries()) {
      for (const [to, receiver] of cluster.entries()) {
        if (from === to) continue;
        const way = sender.way(to);
        if (way === "direct") lost += !modes.includes("direct") && reached.has(`${from} ${to}`) ? 1 : 0;
        else if (receiver.devices.has(way)) reached.add(`${from} ${to}`);
        else lost += 1;
      }
    }
  };
  const act = (index: number) => {
    const node = cluster[index];
    const words = node?.act();
    if (node === undefined || words === undefined) return;
    log.push({ node: index, words });
    node.wrote(log.length);
  };
  for (let turn = 0; left > 0 || turn < 40; turn++) {
    const index = random.uint32() % nodes;
    switch (random.uint32() % 8) {
      case 0:
        if (left-- > 0) log.push({ mode: modes[random.uint32() % modes.length] ?? "direct" });
        break;
      case 1:
      case 2:
        act(index);
        break;
      default:
        cluster[index]?.see();
    }
    send();
  }
  // Nobody changes anything any more: everybody sees everything, and comes to rest.
  for (let quiet = 0; quiet < 100; quiet++) {
    for (const [index, node] of cluster.entries()) {
      while (!node.isCurrent) {
        node.see();
        send();
      }
      act(index);
      send();
    }
  }
  const ways = new Set(
    cluster.flatMap((node, from) => cluster.flatMap((_, to) => (from === to ? [] : [node.way(to)]))),
  );
  return { lost, ways, devices: cluster.map((node) => [...node.devices]) };
}

describe("a cluster that switches modes while its nodes see it at different times", () => {
  it.each([
    ["in one subnet", ["a", "b", "direct"]],
    ["across a router, between tunnels only", ["a", "b"]],
  ] as const)(
    "%s: never sends by a device that is not there at the far end, and ends with the pool's alone",
    (_where, modes) => {
      const random = seededRandom(4096);
      for (let round = 0; round < 2_000; round++) {
        const { lost, ways, devices } = simulate(random, 2 + (round % 4), 1 + (round % 6), modes);
        const [way] = ways;
        expect({ round, lost, ways: ways.size }).toEqual({ round, lost: 0, ways: 1 });
        expect(devices).toEqual(devices.map(() => (way === "direct" ? [] : [way])));
      }
    },
  );
});
