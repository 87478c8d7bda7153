import { kubeControllersConfiguration } from "@ocicat/api";
import type { Datastore } from "@ocicat/datastore";
import { openEtcd, systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { auditIpam } from "@ocicat/ipam";
import { type Random, Scope, seededRandom } from "@ocicat/kit";
import { startEtcd } from "../../../datastore/test/support/etcd.ts";
import { eventually } from "../support/expect.ts";
import { FakeAgent, pool } from "../support/fake-agent.ts";
import { Witness } from "../support/witness.ts";
import type { Instance } from "./instances.ts";

export interface ChurnOptions {
  /** At once. Each comes back under another name when it has gone. */
  readonly nodes: number;
  readonly pods: number;
  readonly ms: number;
  /** How long a node lives, and how long until the next, about. */
  readonly lifeMs: number;
  readonly graceMs: number;
  readonly leaseSeconds: number;
  readonly seed: number;
  readonly startInstance: (endpoint: string, leaseSeconds: number) => Promise<Instance>;
  readonly say: (text: string) => void;
}

export interface ChurnReport {
  readonly nodes: number;
  readonly pods: number;
  /** How long after its node vanished the last trace of one was seen, at most; looked for every second or so. */
  readonly longestTraceMs: number;
  /** Keys of IPAM, endpoints and nodes that are there in the end, a grace period after all nodes vanished. */
  readonly left: readonly string[];
  /** What the store said against itself in the end. */
  readonly problems: readonly string[];
  /** Addresses of endpoints that somebody took away. */
  readonly violations: readonly string[];
  /** Bytes, of the instance that lived through it all, in order. */
  readonly rss: readonly number[];
  readonly collected: number;
  /** The leader was killed in the middle, and another took over after this. */
  readonly takeoverMs: number;
}

/** How nodes go. */
const WAYS = ["at once", "at once", "at once", "drained", "half-added pods", "endpoints deleted by somebody"] as const;

/**
 * Nodes with pods appear and vanish, on a real etcd, with faked agents and real controllers: two instances, of which the
 * leading one is killed half-way. Nothing of a node that is gone may stay for longer than the grace period and what it takes
 * to collect.
 */
export async function churn(options: ChurnOptions): Promise<ChurnReport> {
  const scope = new Scope("churn");
  try {
    const etcd = await startEtcd();
    scope.add("etcd", () => etcd.stop());
    const store = openEtcd({ endpoints: [etcd.endpoint] });
    scope.add("client", () => store.close());
    await configure(store, options.graceMs);
    const witness = new Witness();
    await witness.start(store);
    scope.add("witness", () => witness.stop());
    const first = await options.startInstance(etcd.endpoint, options.leaseSeconds);
    scope.add("first instance", () => first.kill());
    await eventually(
      () => first.metric("ocicat_controllers_leading"),
      (leading) => leading === 1,
    );
    const second = await options.startInstance(etcd.endpoint, options.leaseSeconds);
    scope.add("second instance", () => second.kill());
    return await new Churn(options, store, witness).run(first, second);
  } finally {
    await scope.close();
  }
}

class Churn {
  readonly #options: ChurnOptions;
  readonly #store: Datastore;
  readonly #witness: Witness;
  readonly #gone = new Map<string, number>();
  #nodes = 0;
  #pods = 0;
  #longest = 0;
  #isOver = false;

  constructor(options: ChurnOptions, store: Datastore, witness: Witness) {
    this.#options = options;
    this.#store = store;
    this.#witness = witness;
  }

  async run(first: Instance, second: Instance): Promise<ChurnReport> {
    const until = performance.now() + this.#options.ms;
    const rss: number[] = [];
    const [report] = await Promise.all([
      this.#churn(first, second, until).finally(() => {
        this.#isOver = true;
      }),
      this.#watch(second, rss),
    ]);
    return { ...report, rss };
  }

  async #churn(first: Instance, second: Instance, until: number): Promise<Omit<ChurnReport, "rss">> {
    const { nodes, ms, seed, graceMs, leaseSeconds, say } = this.#options;
    const slots = Array.from({ length: nodes }, (_, slot) => this.#slot(slot, seededRandom(seed + slot), until));
    const [takeoverMs] = await Promise.all([this.#killLeader(first, second, ms / 2), ...slots]);
    say(`all ${this.#nodes} nodes are gone; waiting for the grace period`);
    await eventually(
      () => this.#traces(),
      (traces) => traces.size === 0,
      graceMs + 60_000,
    ).catch(() => undefined);
    await eventually(
      () => second.metric("ocicat_controllers_backlog_oldest_seconds"),
      (oldest) => oldest === 0,
      graceMs + 30_000,
    ).catch(() => undefined);
    const { items } = await this.#store.list("/calico/");
    const own = ["/kubecontrollersconfigurations/", "/calico/ocicat/"];
    say(`took over after ${(takeoverMs / 1000).toFixed(1)} s, the lease is ${leaseSeconds} s`);
    return {
      nodes: this.#nodes,
      pods: this.#pods,
      longestTraceMs: this.#longest,
      left: items.map(({ key }) => key).filter((key) => !own.some((part) => key.includes(part))),
      problems: (await auditIpam(this.#store)).map(({ rule, key, what }) => `${rule} ${key}: ${what}`),
      violations: this.#witness.violations,
      collected: await second.metric(`ocicat_controllers_collected_total{reason="node-gone"}`),
      takeoverMs,
    };
  }

  /** One after the other: a node appears, its pods come and go, it vanishes. */
  async #slot(slot: number, random: Random, until: number): Promise<void> {
    const { lifeMs, ms } = this.#options;
    const fraction = () => random.uint32() / 2 ** 32;
    await pause(fraction() * Math.min(lifeMs, ms / 4));
    for (let life = 0; performance.now() < until; life++) {
      const name = `s${slot}-l${life}`;
      const agent = new FakeAgent({
        store: this.#store,
        clock: systemClock,
        random: systemRandom,
        name,
        pools: [pool("default", "10.0.0.0/12")],
      });
      const ends = performance.now() + lifeMs * (0.5 + fraction());
      await this.#live(agent, random);
      await pause(Math.max(0, Math.min(ends, until) - performance.now()));
      await this.#vanish(agent, WAYS[random.uint32() % WAYS.length] ?? "at once");
      await pause(fraction() * lifeMs * 0.2);
    }
  }

  async #live(agent: FakeAgent, random: Random): Promise<void> {
    const { pods } = this.#options;
    this.#nodes += 1;
    await agent.register();
    if (random.uint32() % 4 === 0) await agent.tunnelAddress();
    for (let index = 0; index < pods; index++) {
      await agent.add(`p${index}`, `${agent.name}c${index}`);
      this.#pods += 1;
      // Some are replaced by others of the same name.
      if (random.uint32() % 10 > 0) continue;
      await agent.del(`p${index}`, `${agent.name}c${index}`);
      await agent.add(`p${index}`, `${agent.name}r${index}`);
      this.#pods += 1;
    }
  }

  async #vanish(agent: FakeAgent, way: (typeof WAYS)[number]): Promise<void> {
    const { pods } = this.#options;
    const each = async (work: (index: number) => Promise<unknown>) => {
      for (let index = 0; index < pods; index++) await work(index);
    };
    if (way === "drained") {
      await each(async (index) => {
        await agent.del(`p${index}`, `${agent.name}c${index}`);
        await agent.del(`p${index}`, `${agent.name}r${index}`);
      });
    } else if (way === "half-added pods") {
      for (let index = 0; index < pods / 3; index++) await agent.addHalf(`h${index}`, `${agent.name}h${index}`);
    } else if (way === "endpoints deleted by somebody") {
      await each((index) => this.#store.delete(agent.endpointKey(`p${index}`)).catch(() => undefined));
    }
    await agent.vanish();
    this.#gone.set(agent.name, performance.now());
  }

  /** Looks for traces of what is gone, and at the memory, until all is over. */
  async #watch(instance: Instance, rss: number[]): Promise<void> {
    const { ms, say } = this.#options;
    const every = Math.max(500, ms / 100);
    let told = performance.now();
    while (!this.#isOver) {
      const traces = await this.#traces();
      rss.push(await instance.metric("process_resident_memory_bytes"));
      if (performance.now() - told > 20_000) {
        told = performance.now();
        const memory = ((rss.at(-1) ?? 0) / 2 ** 20).toFixed(0);
        say(`${this.#nodes} nodes so far, ${this.#pods} pods; traces of ${traces.size} that are gone; ${memory} MiB`);
      }
      await pause(every);
    }
  }

  /** The nodes that are gone and of which something is left, and how long ago the oldest of them went. */
  async #traces(): Promise<ReadonlySet<string>> {
    const asked = performance.now();
    const found = new Set<string>();
    const gone = new Map(this.#gone);
    for (const prefix of ["/calico/ipam/", "/calico/resources/v3/projectcalico.org/workloadendpoints/"]) {
      for (const { key, value } of (await this.#store.list(prefix)).items) {
        for (const [name] of `${key} ${value}`.matchAll(/\bs\d+-l\d+(?!\d)/g)) if (gone.has(name)) found.add(name);
      }
    }
    for (const name of found) this.#longest = Math.max(this.#longest, asked - (gone.get(name) ?? asked));
    for (const name of gone.keys()) if (!found.has(name)) this.#gone.delete(name);
    return found;
  }

  async #killLeader(first: Instance, second: Instance, afterMs: number): Promise<number> {
    await pause(afterMs);
    await first.kill();
    const killed = performance.now();
    await eventually(
      () => second.metric("ocicat_controllers_leading"),
      (leading) => leading === 1,
      (this.#options.leaseSeconds + 30) * 1000,
    );
    return performance.now() - killed;
  }
}

/** Compaction comes as often as may be: mirrors and watches must live with it. */
async function configure(store: Datastore, graceMs: number): Promise<void> {
  const key = kubeControllersConfiguration.storage.key("default", undefined) ?? "";
  const resource = {
    kind: "KubeControllersConfiguration",
    apiVersion: "projectcalico.org/v3",
    metadata: { name: "default" },
    spec: { etcdV3CompactionPeriod: "30s", controllers: { node: { leakGracePeriod: `${graceMs}ms` } } },
  };
  await store.put(key, JSON.stringify(resource));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The memory of the last third against that of the second: what grows without end shows there. */
export function growth(rss: readonly number[]): number {
  const third = Math.floor(rss.length / 3);
  const middle = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 1;
  return middle(rss.slice(2 * third)) / middle(rss.slice(third, 2 * third));
}
