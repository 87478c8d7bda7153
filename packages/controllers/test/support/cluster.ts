import { kubeControllersConfiguration } from "@ocicat/api";
import { MemoryDatastore } from "@ocicat/datastore";
import { auditIpam, type IpamPool } from "@ocicat/ipam";
import { createLogger, type LogRecord, Scope, seededRandom, TestClock } from "@ocicat/kit";
import { COLLECTED_PREFIXES, NO_FENCE } from "../../src/collect/index.ts";
import { Collector } from "../../src/collector.ts";
import { Mirror } from "../../src/mirror.ts";
import { SETTINGS_PREFIXES } from "../../src/settings.ts";
import { FakeAgent, pool } from "./fake-agent.ts";

export const GRACE_MS = 15 * 60_000;

/** A store in memory, agents on it, and a collector that leads; time stands still until a test moves it. */
export class Cluster {
  readonly clock = new TestClock();
  readonly random = seededRandom(11);
  readonly store: MemoryDatastore;
  readonly scope = new Scope("test");
  readonly collector: Collector;
  readonly log: LogRecord[] = [];
  readonly pools: readonly IpamPool[];

  constructor({
    transactions = true,
    endpointsFollowPods = false,
    pools = [pool("default", "10.0.0.0/16")],
  }: {
    readonly transactions?: boolean;
    readonly endpointsFollowPods?: boolean;
    readonly pools?: readonly IpamPool[];
  } = {}) {
    this.pools = pools;
    this.store = new MemoryDatastore({ transactions, clock: this.clock });
    const logger = createLogger("test", "info", (record) => void this.log.push(record));
    const parts = { store: this.store, clock: this.clock, logger, scope: this.scope };
    const term = { fence: NO_FENCE, since: 0 };
    this.collector = new Collector({
      ...parts,
      perSecond: 10_000,
      endpointsFollowPods,
      term: () => term,
      depose: () => {},
      outOfSync: () => mirror.problem,
      onDone: () => {},
    });
    const mirror: Mirror = new Mirror({
      ...parts,
      random: this.random,
      root: "/calico/",
      prefixes: [...COLLECTED_PREFIXES, ...SETTINGS_PREFIXES],
      sink: this.collector,
    });
    mirror.start();
    this.collector.start();
  }

  agent(name: string, pools = this.pools): FakeAgent {
    return new FakeAgent({ store: this.store, clock: this.clock, random: this.random, name, pools });
  }

  async registered(name: string, pools = this.pools): Promise<FakeAgent> {
    const agent = this.agent(name, pools);
    await agent.register();
    return agent;
  }

  /** Lets everything that is under way in this process come to rest: the store is in memory, and time stands still. */
  async rest(): Promise<void> {
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Moves time on, in steps in which the collector can do what it is due to. */
  async pass(ms: number): Promise<void> {
    await this.rest();
    const step = Math.max(1_000, ms / 20);
    for (let left = ms; left > 0; left -= step) {
      this.clock.advance(Math.min(step, left));
      await this.rest();
    }
  }

  async setGrace(leakGracePeriod: string): Promise<void> {
    const key = kubeControllersConfiguration.storage.key("default", undefined) ?? "";
    const resource = {
      kind: "KubeControllersConfiguration",
      apiVersion: "projectcalico.org/v3",
      metadata: { name: "default" },
      spec: { controllers: { node: { leakGracePeriod } } },
    };
    await this.store.put(key, JSON.stringify(resource));
  }

  async keys(prefix = "/calico/ipam/"): Promise<readonly string[]> {
    return (await this.store.list(prefix)).items.map(({ key }) => key.slice(prefix.length));
  }

  async problems(): Promise<readonly string[]> {
    return (await auditIpam(this.store)).map(({ rule, key, what }) => `${rule} ${key}: ${what}`);
  }

  /** What was collected, as subject and reason. */
  collected(): readonly string[] {
    return this.log
      .filter(({ message }) => message === "collected")
      .map(({ fields }) => `${String(fields["subject"])}: ${String(fields["reason"])}`);
  }

  close(): Promise<void> {
    return this.scope.close();
  }
}
