import {
  blocksPrefix,
  DEFAULT_IPAM_CONFIG,
  decodeBlock,
  decodeHandle,
  HANDLES_PREFIX,
  hostOwner,
} from "@ocicat/api/ipam";
import { DatastoreError, type KeyValue, MemoryDatastore } from "@ocicat/datastore";
import { type Random, seededRandom } from "@ocicat/kit";
import { type Address, formatAddress, parseAddress } from "@ocicat/net";
import {
  type AssignedAddress,
  attributeOf,
  auditIpam,
  createIpam,
  type Ipam,
  IpamError,
  type IpamPool,
  type IpamSettings,
  LOAD_BALANCER,
} from "../../src/index.ts";
import { type Call, InterceptedStore, type Interceptor } from "../support/intercepted-store.ts";
import { pool } from "../support/world.ts";
import { IMMORTAL, type Life, Scheduler } from "./scheduler.ts";
import { changeSettings, LARGE_POOLS } from "./weather.ts";

/** `mixed`: each node writes in its own way, as where some run Calico. */
export type Mode = "transactions" | "singles" | "mixed";

export interface SimulationOptions {
  readonly seed: number;
  readonly mode: Mode;
  /**
   * So many additions and deletions, on twenty nodes and a load balancer over three pools and one, while an operator
   * changes settings and pools. Unless told: a few, on a few nodes, in pools that may be tiny.
   */
  readonly operations?: number | undefined;
  /** Told of every step, for replays. */
  readonly trace?: (line: string) => void;
}

/** A pod as its kubelet sees it. */
interface Pod {
  readonly handle: string;
  readonly node: Node;
  readonly families: readonly (4 | 6)[];
  /** The one it asks for; undefined: any. */
  readonly address: Address | undefined;
  /** What ADD answered; undefined: no answer yet, or deleted. */
  addresses: readonly string[] | undefined;
  state: "new" | "adding" | "running" | "deleting" | "gone";
}

class Crash extends Error {}

/** One agent, through as many lives as crashes give it. */
class Node {
  readonly name: string;
  life: Life = { isAlive: true };
  ipam: Ipam;
  #crashed: (error: Crash) => void = () => {};
  crash: Promise<never> = new Promise(() => {});
  readonly #start: (life: Life) => Ipam;

  constructor(name: string, start: (life: Life) => Ipam) {
    this.name = name;
    this.#start = start;
    this.ipam = this.#begin();
  }

  kill(): void {
    this.life.isAlive = false;
    this.#crashed(new Crash(this.name));
    this.life = { isAlive: true };
    this.ipam = this.#begin();
  }

  /** The answer of this life, or Crash. */
  call<R>(request: (ipam: Ipam) => Promise<R>): Promise<R> {
    return Promise.race([request(this.ipam), this.crash]);
  }

  #begin(): Ipam {
    this.crash = new Promise((_, reject) => {
      this.#crashed = reject;
    });
    this.crash.catch(() => {});
    return this.#start(this.life);
  }
}

const CONFIGS = [
  {},
  {},
  { strictAffinity: true },
  { strictAffinity: true, maxBlocksPerHost: 2 },
  { ipCooldownSeconds: 1 },
];

/** Pools so small that nodes fight over them. */
const POOLS: readonly (readonly IpamPool[])[] = [
  [pool("four", "10.0.0.0/28", 30), pool("six", "fd00::/125", 127)],
  [pool("four", "10.0.0.0/29", 31), pool("six", "fd00::/126", 127)],
  [pool("four", "10.0.0.0/30", 30), pool("six", "fd00::/126", 126)],
  [pool("a", "10.0.0.0/30", 31), pool("b", "10.0.1.0/30", 32), pool("six", "fd00::/64", 122)],
];

export class Simulation {
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #store: MemoryDatastore;
  readonly #nodes: readonly Node[];
  /** What the operator has set; each node sees it a little later. */
  #settings: IpamSettings;
  readonly #views = new Map<string, IpamSettings>();
  readonly #trace: ((line: string) => void) | undefined;
  /** Those that are not gone, by handle. */
  readonly #pods = new Map<string, Pod>();
  /** How often what happened. */
  readonly tally = new Map<string, number>();
  /** Who has been promised which address, until its deletion begins. */
  readonly #promised = new Map<string, string>();
  /** What handles count, and what blocks give, as of the last write. */
  readonly #counted = new Map<string, ReadonlyMap<string, number>>();
  readonly #given = new Map<string, ReadonlyMap<string, number>>();
  readonly #givenTo = new Map<string, Map<string, number>>();
  readonly #isLarge: boolean;
  readonly #operations: number | undefined;
  #hasFaults = true;
  #busy = 0;
  #failure: Error | undefined;

  constructor({ seed, mode, operations, trace }: SimulationOptions) {
    this.#random = seededRandom(seed);
    this.#scheduler = new Scheduler(this.#random);
    this.#store = new MemoryDatastore();
    this.#trace = trace;
    this.#operations = operations;
    const config = { ...DEFAULT_IPAM_CONFIG, ...this.#scheduler.pick(CONFIGS) };
    const pools = operations === undefined ? this.#scheduler.pick(POOLS) : LARGE_POOLS;
    this.#settings = { pools, reservations: [], config };
    // Mostly small worlds: a rare meeting of few things is found sooner among many of them.
    this.#isLarge = this.#scheduler.oneIn(10);
    const count = operations === undefined ? 2 + this.#scheduler.below(this.#isLarge ? 4 : 2) : 20;
    const names = Array.from({ length: count }, (_, index) => `n${index}`);
    if (operations !== undefined) names.push(LOAD_BALANCER.name);
    this.#nodes = names.map((name) => {
      const transactions = mode === "mixed" ? this.#scheduler.oneIn(2) : mode === "transactions";
      return new Node(name, (life) => this.#start(name, life, transactions));
    });
  }

  get turns(): number {
    return this.#scheduler.turns;
  }

  /** Throws on the first broken promise. */
  async run(): Promise<void> {
    if (this.#operations === undefined) this.#runSmall();
    else this.#runLarge(this.#operations);
    await this.#scheduler.run(() => this.#busy === 0);
    this.#check();
    await this.#heal();
    await this.#judge();
  }

  #runLarge(operations: number): void {
    const goesOn = () => this.#count("ADD") + this.#count("DEL") < operations && this.#failure === undefined;
    for (const node of this.#nodes) {
      for (let slot = 0; slot < 8; slot++) this.#begin(this.#livePods(node, `${node.name}-p${slot}`, goesOn));
    }
    this.#begin(this.#repeat(goesOn, 1500, () => this.#misfortune(1)));
    this.#begin(this.#repeat(goesOn, 1000, () => this.#operator(1)));
    this.#begin(this.#repeat(goesOn, 6000, () => this.#changeSettings()));
    this.#begin(this.#repeat(goesOn, 30_000, () => this.#compact()));
  }

  #runSmall(): void {
    for (const node of this.#nodes) {
      const pods = 1 + this.#scheduler.below(this.#isLarge ? 5 : 2);
      for (let index = 0; index < pods; index++) this.#begin(this.#livePod(node, `${node.name}-p${index}`));
    }
    this.#begin(this.#misfortune(this.#scheduler.below(5)));
    this.#begin(this.#operator(this.#scheduler.below(4)));
  }

  /** About every so many milliseconds. */
  async #repeat(goesOn: () => boolean, every: number, deed: () => Promise<void>): Promise<void> {
    while (goesOn()) {
      await this.#sleep(2 * every);
      await deed();
    }
  }

  #sleep(most: number): Promise<void> {
    return new Promise((resolve) => {
      this.#scheduler.clock(IMMORTAL).after(this.#scheduler.below(most), "sleep", resolve);
    });
  }

  /** A kubelet's slot: one pod after the other. */
  async #livePods(node: Node, name: string, goesOn: () => boolean): Promise<void> {
    for (let number = 0; goesOn(); number += 2) await this.#livePod(node, name, goesOn, number);
  }

  async #changeSettings(): Promise<void> {
    const { what, settings } = changeSettings(this.#settings, this.#scheduler);
    this.#trace?.(what);
    this.#note(what.split(" ")[0] ?? "");
    this.#settings = settings;
    for (const node of this.#nodes) this.#begin(this.#see(node, settings));
  }

  /** A node hears of a change some time later, and some pools may have turned away from it, or come back. */
  async #see(node: Node, settings: IpamSettings): Promise<void> {
    await this.#sleep(1000);
    const isForAll = this.#scheduler.oneIn(2);
    const pools = settings.pools.map((one) => ({ ...one, selectsNode: isForAll || !this.#scheduler.oneIn(3) }));
    this.#views.set(node.name, { ...settings, pools });
    await ignoreFailure(
      node.call(async (ipam) => {
        for (const _block of await ipam.releaseUnselected()) this.#note("a block of a pool turned away");
      }),
    );
  }

  async #compact(): Promise<void> {
    const { revision } = await this.#store.list("/none/");
    await ignoreFailure(this.#store.compact(revision));
  }

  #note(what: string): void {
    this.tally.set(what, this.#count(what) + 1);
  }

  #count(what: string): number {
    return this.tally.get(what) ?? 0;
  }

  #begin(work: Promise<void>): void {
    this.#busy += 1;
    work
      .catch((error: unknown) => {
        this.#failure ??= error instanceof Error ? error : new Error(String(error));
      })
      .finally(() => {
        this.#busy -= 1;
      });
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #start(name: string, life: Life, transactions: boolean): Ipam {
    this.#trace?.(`${name} starts`);
    const intercept: Interceptor = (call, run) => this.#call(name, life, call, run);
    return createIpam({
      store: new InterceptedStore(this.#store, intercept, { transactions, leases: false, versions: true }),
      clock: this.#scheduler.clock(life),
      random: this.#random,
      owner: name === LOAD_BALANCER.name ? LOAD_BALANCER : hostOwner(name),
      settings: () => this.#views.get(name) ?? this.#settings,
    });
  }

  /** A call takes two turns: one until the store has it, one until the answer is back. */
  async #call<R>(name: string, life: Life, call: Call, run: () => Promise<R>): Promise<R> {
    const scheduler = this.#scheduler;
    const applied = async () => {
      const result = await run().catch((error: unknown) => {
        this.#trace?.(`${name} ${call.name} ${call.keys.join(" ")}: ${String(error)}`);
        throw error;
      });
      this.#trace?.(`${name} ${call.name} ${call.keys.join(" ")} ${outcome(result)}`);
      if (call.isWrite) await this.#watchCounts(call.keys);
      return result;
    };
    let isSent = false;
    // A question that is on its way when its node dies may arrive nevertheless.
    const inherit = () => {
      if (!isSent && call.isWrite && scheduler.oneIn(2)) scheduler.later(applied);
    };
    await this.#turnOrDeath(life, inherit);
    isSent = true;
    if (this.#hasFaults && scheduler.oneIn(20)) return this.#fault(name, life, call, applied);
    const result = await applied().then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    await scheduler.turn(life);
    if ("error" in result) throw result.error;
    return result.value;
  }

  async #turnOrDeath(life: Life, onDeath: () => void): Promise<void> {
    this.#testaments.push({ life, onDeath });
    await this.#scheduler.turn(life);
    this.#testaments = this.#testaments.filter((entry) => entry.onDeath !== onDeath);
  }

  #testaments: { readonly life: Life; readonly onDeath: () => void }[] = [];

  async #fault<R>(name: string, life: Life, call: Call, applied: () => Promise<R>): Promise<R> {
    const scheduler = this.#scheduler;
    const kind = call.isWrite ? scheduler.pick(["unavailable", "lost", "dropped", "late"]) : "unavailable";
    this.#trace?.(`${name} ${call.name} ${call.keys.join(" ")}: ${kind}`);
    if (kind === "lost") await applied().catch(() => {});
    if (kind === "late") scheduler.later(applied);
    await scheduler.turn(life);
    throw kind === "unavailable"
      ? new DatastoreError("UNAVAILABLE", "simulated")
      : new DatastoreError("UNKNOWN_OUTCOME", "simulated");
  }

  /** Kills a node now and then. */
  async #misfortune(crashes: number): Promise<void> {
    for (let count = 0; count < crashes; count++) {
      const pause = 5 + this.#scheduler.below(60);
      for (let turn = 0; turn < pause; turn++) await this.#scheduler.turn(IMMORTAL);
      if (this.#scheduler.oneIn(3)) this.#scheduler.advance(61_000);
      const node = this.#scheduler.pick(this.#nodes);
      const { life } = node;
      this.#trace?.(`${node.name} dies`);
      this.#note("crash");
      node.kill();
      for (const testament of this.#testaments.filter((entry) => entry.life === life)) testament.onDeath();
      this.#testaments = this.#testaments.filter((entry) => entry.life !== life);
      if (!this.#scheduler.oneIn(3)) this.#begin(this.#recover(node));
    }
  }

  /** Somebody gives up blocks of nodes, and mends, in the middle of everything. */
  async #operator(deeds: number): Promise<void> {
    for (let count = 0; count < deeds; count++) {
      const pause = 10 + this.#scheduler.below(40);
      for (let turn = 0; turn < pause; turn++) await this.#scheduler.turn(IMMORTAL);
      const [by, of] = [this.#scheduler.pick(this.#nodes), this.#scheduler.pick(this.#nodes)];
      if (this.#scheduler.oneIn(2)) {
        await this.#recover(by);
        continue;
      }
      if (this.#operations !== undefined && this.#scheduler.oneIn(4)) {
        await ignoreFailure(by.call((ipam) => ipam.ensureBlock({ family: this.#scheduler.pick([4, 6]) })));
        continue;
      }
      const blocks = (await this.#store.list(blocksPrefix())).items;
      if (blocks.length === 0) continue;
      const row = this.#scheduler.pick(blocks);
      const { prefix } = decodeBlock(row.key, row.value);
      this.#trace?.(`${by.name} releases ${of.name}'s ${prefix}`);
      await ignoreFailure(
        by.call((ipam) => ipam.releaseAffinity(prefix, { node: of.name, requireEmpty: this.#scheduler.oneIn(2) })),
      );
    }
  }

  async #recover(node: Node): Promise<void> {
    await ignoreFailure(node.call((ipam) => ipam.recover({ isLive: (handle) => this.#isLive(handle) })));
  }

  #isLive(handle: string): boolean {
    const pod = this.#pods.get(handle);
    return pod !== undefined && pod.state !== "gone" && pod.state !== "new";
  }

  /** A kubelet with one pod: adds it, perhaps again, and perhaps deletes it, through every failure. */
  async #livePod(node: Node, name: string, goesOn = () => false, first = 0): Promise<void> {
    const families = this.#scheduler.oneIn(3) && node.name !== LOAD_BALANCER.name ? ([4, 6] as const) : ([4] as const);
    for (let life = first; life < first + 2; life++) {
      const address = this.#scheduler.oneIn(6) ? this.#someAddress() : undefined;
      const pod: Pod = { handle: `net.${name}-${life}`, node, families, address, addresses: undefined, state: "new" };
      this.#pods.set(pod.handle, pod);
      await this.#scheduler.turn(IMMORTAL);
      const isAdded = await this.#add(pod);
      if (isAdded && this.#scheduler.oneIn(4)) await this.#add(pod);
      if (isAdded && this.#scheduler.oneIn(3)) {
        if (!goesOn()) return;
        await this.#sleep(20_000);
        if (!goesOn()) return;
      }
      await this.#delete(pod);
      this.#pods.delete(pod.handle);
    }
  }

  async #add(pod: Pod): Promise<boolean> {
    for (let attempt = 0; attempt < 4; attempt++) {
      pod.state = "adding";
      try {
        const given = await pod.node.call((ipam) => this.#request(pod, ipam));
        this.#note("ADD");
        for (const address of given) this.#noteAddress(address);
        this.#promise(
          pod,
          given.map(({ address }) => formatAddress(address)),
        );
        return true;
      } catch (error) {
        this.#trace?.(`ADD ${pod.handle} failed: ${String(error)}`);
        this.#note(codeOf(error));
        expectFailure(error);
        if (this.#scheduler.oneIn(3)) return false;
      }
    }
    return false;
  }

  /** Most pods take any address; some ask for a certain one, which may be anywhere in the first pool. */
  async #request(pod: Pod, ipam: Ipam): Promise<readonly AssignedAddress[]> {
    const extra = (addresses: readonly AssignedAddress[]) => ({
      operations: [{ put: endpointKey(pod), value: addresses.map(({ address }) => formatAddress(address)).join() }],
    });
    this.#note(pod.address === undefined ? `families ${pod.families.join("+")}` : "asked for by address");
    if (pod.address !== undefined) return [await ipam.assignIp({ handleId: pod.handle, address: pod.address, extra })];
    const wants = pod.families.map((family) => ({ family }));
    return ipam.autoAssign({ handleId: pod.handle, wants, extra });
  }

  #noteAddress({ reused, borrowedFrom, reason, pool: name = "no pool" }: AssignedAddress): void {
    if (reused) this.#note("held already");
    else if (borrowedFrom !== undefined) this.#note("borrowed");
    else if (reason.includes("left empty")) this.#note("taken over");
    this.#note(`pool ${name.replace(/^(?:split-)+(.+?)(?:-\d)+$/, "$1")}`);
  }

  #someAddress(): Address {
    const [first] = this.#settings.pools;
    if (first === undefined) throw new Error("there are no pools");
    const { prefix } = this.#operations === undefined ? first : this.#scheduler.pick(this.#settings.pools);
    return prefix.nth(this.#scheduler.below(Number(prefix.size)));
  }

  #promise(pod: Pod, addresses: readonly string[]): void {
    this.#trace?.(`ADD ${pod.handle} = ${addresses.join(" ")}`);
    if (pod.addresses !== undefined && pod.addresses.join() !== addresses.join()) {
      throw new Error(`${pod.handle} had ${pod.addresses.join()}, and got ${addresses.join()}`);
    }
    for (const address of addresses) {
      const holder = this.#promised.get(address);
      if (holder !== undefined && holder !== pod.handle)
        throw new Error(`${address} is given to ${holder} and ${pod.handle}`);
      this.#promised.set(address, pod.handle);
    }
    pod.addresses = addresses;
    pod.state = "running";
  }

  async #delete(pod: Pod): Promise<void> {
    pod.state = "deleting";
    const known = (pod.addresses ?? []).map((text) => ({ address: parseAddress(text), handleId: pod.handle }));
    for (const [address, handle] of this.#promised) if (handle === pod.handle) this.#promised.delete(address);
    pod.addresses = undefined;
    if (known.length > 0 && this.#scheduler.oneIn(4)) {
      await ignoreFailure(pod.node.call((ipam) => ipam.release({ addresses: known })));
    }
    for (;;) {
      try {
        await pod.node.call((ipam) =>
          ipam.release({ handleId: pod.handle, extra: { operations: [{ delete: endpointKey(pod) }] } }),
        );
        pod.state = "gone";
        this.#trace?.(`DEL ${pod.handle}`);
        this.#note("DEL");
        return;
      } catch (error) {
        this.#trace?.(`DEL ${pod.handle} failed: ${String(error)}`);
        expectFailure(error);
      }
    }
  }

  /** No more faults; every node starts anew and mends what is its own. */
  async #heal(): Promise<void> {
    this.#hasFaults = false;
    for (const node of this.#nodes) {
      node.kill();
      this.#begin(
        node
          .call((ipam) =>
            ipam.recover({ isLive: (handle) => this.#isLive(handle), reclaimDeadAfterMs: 0, scanHandles: true }),
          )
          .then(() => {}),
      );
    }
    await this.#scheduler.run(() => this.#busy === 0);
    this.#check();
  }

  /** Everything promised is there, nothing else is, and the store does not contradict itself. */
  async #judge(): Promise<void> {
    const problems = await auditIpam(this.#store);
    if (problems.length > 0)
      throw new Error(problems.map(({ rule, key, what }) => `${rule} ${key}: ${what}`).join("\n"));
    const held = new Map<string, string>();
    for (const { key, value } of (await this.#store.list(blocksPrefix())).items) {
      const block = decodeBlock(key, value);
      for (const ordinal of block.allocations.keys()) {
        const handle = attributeOf(block, ordinal)?.handleId;
        if (handle !== undefined) held.set(formatAddress(block.prefix.nth(ordinal)), handle);
      }
    }
    const promised = [...this.#promised].sort().join(" ");
    const actual = [...held].sort().join(" ");
    if (promised !== actual) throw new Error(`promised: ${promised}\nheld:     ${actual}`);
  }

  /** At no moment does a handle count less than the blocks give it: then nobody could find the address again. */
  async #watchCounts(keys: readonly string[]): Promise<void> {
    const touched = new Set<string>();
    for (const key of keys) {
      const row = await this.#store.get(key);
      if (key.startsWith(HANDLES_PREFIX)) {
        const id = key.slice(HANDLES_PREFIX.length);
        this.#counted.set(id, row === undefined ? new Map() : decodeHandle(key, row.value).blocks);
        touched.add(id);
      }
      if (key.startsWith(blocksPrefix())) {
        for (const id of this.#give(key, row === undefined ? new Map() : countByHandle(row))) touched.add(id);
      }
    }
    for (const handle of touched) {
      for (const [cidr, count] of this.#givenTo.get(handle) ?? []) {
        const counted = this.#counted.get(handle)?.get(cidr) ?? 0;
        if (counted < count)
          this.#failure ??= new Error(`${handle} counts ${counted} in ${cidr}, which gives it ${count}`);
      }
    }
  }

  /** Takes what a block gives now; returns whom it gives something, or gave before. */
  #give(key: string, given: ReadonlyMap<string, number>): Iterable<string> {
    const cidr = key.slice(key.lastIndexOf("/") + 1).replace("-", "/");
    const handles = new Set([...(this.#given.get(key)?.keys() ?? []), ...given.keys()]);
    this.#given.set(key, given);
    for (const handle of handles) {
      const counts = this.#givenTo.get(handle) ?? new Map<string, number>();
      const count = given.get(handle);
      if (count === undefined) counts.delete(cidr);
      else counts.set(cidr, count);
      if (counts.size === 0) this.#givenTo.delete(handle);
      else this.#givenTo.set(handle, counts);
    }
    return handles;
  }
}

function countByHandle(row: KeyValue): ReadonlyMap<string, number> {
  const block = decodeBlock(row.key, row.value);
  const counts = new Map<string, number>();
  for (const ordinal of block.allocations.keys()) {
    const handle = attributeOf(block, ordinal)?.handleId;
    if (handle !== undefined) counts.set(handle, (counts.get(handle) ?? 0) + 1);
  }
  return counts;
}

function endpointKey(pod: Pod): string {
  return `/endpoint/${pod.handle}`;
}

function outcome(result: unknown): string {
  if (typeof result !== "object" || result === null || !("committed" in result)) return "";
  return result.committed === true ? "committed" : "refused";
}

async function ignoreFailure(work: Promise<unknown>): Promise<void> {
  await work.then(() => {}, expectFailure);
}

/** Failures that a simulated world may cause; anything else is a defect. */
function expectFailure(error: unknown): void {
  if (error instanceof Crash || error instanceof DatastoreError) return;
  const expected = [
    "IPAM_EXHAUSTED",
    "IPAM_BLOCK_LIMIT",
    "IPAM_OUTCOME_UNKNOWN",
    "IPAM_ADDRESS_TAKEN",
    "IPAM_STRICT_AFFINITY",
    // Of a world in which pools come and go, and of a crowd:
    "IPAM_NO_POOL",
    "IPAM_ADDRESS_OUTSIDE_POOLS",
    "IPAM_CONTENTION",
  ];
  if (error instanceof IpamError && expected.includes(error.code)) return;
  throw error;
}

function codeOf(error: unknown): string {
  if (error instanceof Crash) return "crashed";
  return error instanceof IpamError || error instanceof DatastoreError ? error.code : "another error";
}
