import { parsePrefix } from "@ocicat/net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { address4, createLab, type Lab, mesh, type Node, route } from "../support/lab.ts";

const IPS = ["10.0.0.8", "10.0.0.9", "10.0.0.10", "10.0.0.11"];

const node = fc.integer({ min: 0, max: 3 });
const action = fc.oneof(
  fc.record({ do: fc.constant("announce" as const), node, block: fc.integer({ min: 0, max: 5 }) }),
  fc.record({ do: fc.constant("withdraw" as const), node, block: fc.integer({ min: 0, max: 5 }) }),
  fc.record({ do: fc.constant("reset" as const), node, other: node }),
  fc.record({ do: fc.constant("cut" as const), node, other: node }),
  fc.record({ do: fc.constant("heal" as const), node, other: node }),
  fc.record({ do: fc.constant("restart" as const), node, graceful: fc.boolean() }),
  fc.record({ do: fc.constant("kill" as const), node }),
  fc.record({ do: fc.constant("stall" as const), node }),
  fc.record({ do: fc.constant("resume" as const), node }),
  fc.record({ do: fc.constant("reconfigure" as const), node, holdTimeS: fc.constantFrom(30, 90) }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(1, 50, 3000, 40_000, 130_000) }),
);
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

/** A mesh whose nodes die and come back; what each should announce is kept apart from the speakers. */
class Cluster {
  readonly lab: Lab = createLab({ capacity: 2000 });
  readonly nodes: (Node | undefined)[] = [];
  readonly blocks = IPS.map(() => new Set<number>());
  readonly holdTimes = IPS.map(() => 90);

  async boot(index: number): Promise<void> {
    const ip = IPS[index] ?? "";
    const fresh = await this.lab.node(ip, { restarting: true });
    this.nodes[index] = fresh;
    fresh.speaker.setOriginated(this.routesOf(index));
    this.configure(index);
  }

  configure(index: number): void {
    const ip = IPS[index] ?? "";
    this.nodes[index]?.speaker.setPeers(mesh(ip, IPS, { holdTimeS: this.holdTimes[index] }));
  }

  routesOf(index: number) {
    return [...(this.blocks[index] ?? [])].map((block) => route(`10.${index}.${block}.0/24`));
  }

  async apply(step: Action): Promise<void> {
    switch (step.do) {
      case "announce":
        this.blocks[step.node]?.add(step.block);
        this.nodes[step.node]?.speaker.announce(route(`10.${step.node}.${step.block}.0/24`));
        break;
      case "withdraw":
        this.blocks[step.node]?.delete(step.block);
        this.nodes[step.node]?.speaker.withdraw(parsePrefix(`10.${step.node}.${step.block}.0/24`));
        break;
      case "reset":
      case "cut":
      case "heal":
        this.lab.network[step.do](address(step.node), address(step.other));
        break;
      case "restart":
        if (step.graceful) await this.nodes[step.node]?.speaker.stop({ graceful: true });
        this.kill(step.node);
        await this.boot(step.node);
        break;
      case "kill":
        this.kill(step.node);
        break;
      case "stall":
      case "resume":
        this.lab.network[step.do](address(step.node));
        break;
      case "reconfigure":
        this.holdTimes[step.node] = step.holdTimeS;
        this.configure(step.node);
        break;
      case "wait":
        this.lab.advance(step.ms);
        break;
    }
  }

  kill(index: number): void {
    this.lab.network.kill(address(index));
    this.nodes[index] = undefined;
  }

  /** Everything works again; long enough for every timer that stands in the way. */
  async recover(): Promise<void> {
    for (const a of IPS.keys()) {
      this.lab.network.resume(address(a));
      for (const b of IPS.keys()) this.lab.network.heal(address(a), address(b));
    }
    for (const index of IPS.keys()) if (this.nodes[index] === undefined) await this.boot(index);
    this.lab.advance(400_000);
  }

  check(): void {
    for (const [index, one] of this.nodes.entries()) {
      const others = IPS.flatMap((ip, other) =>
        other === index ? [] : this.routesOf(other).map(({ prefix }) => `${prefix} via ${ip}`),
      );
      expect(one?.routes()).toEqual(others.sort());
      expect(one?.speaker.status().map(({ state, stale }) => [state, stale])).toEqual([
        ["Established", 0],
        ["Established", 0],
        ["Established", 0],
      ]);
      expect(one?.speaker.ready).toBe(true);
      expect(one?.readyCalls.count).toBe(1);
      expect([...(one?.speaker.routes() ?? [])]).toHaveLength(others.length);
    }
    expect(this.lab.network.connections).toBe(6);
  }
}

function address(index: number) {
  return address4(IPS[index] ?? "");
}

describe("a mesh under chaos", () => {
  it("is whole again after any run of crashes, cuts, resets, stalls and changes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 25 }), async (steps) => {
        const cluster = new Cluster();
        for (const index of IPS.keys()) await cluster.boot(index);
        cluster.lab.advance(500);
        for (const step of steps) await cluster.apply(step);
        await cluster.recover();
        cluster.check();
      }),
      { seed: 31, numRuns: 60 },
    );
  });
});
