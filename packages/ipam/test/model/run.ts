import { createHash } from "node:crypto";
import { blocksPrefix, DEFAULT_IPAM_CONFIG, decodeBlock } from "@ocicat/api/ipam";
import { DatastoreError } from "@ocicat/datastore";
import { type Clock, type Random, seededRandom } from "@ocicat/kit";
import { formatAddress } from "@ocicat/net";
import { attributeOf, auditIpam, createIpam, type Ipam, IpamError, type IpamProblem } from "../../src/index.ts";
import { type Call, InterceptedStore, type Interceptor } from "../support/intercepted-store.ts";
import { handleOf, type Kubelet, type Operation, POOLS, type Program, perform, type Scenario } from "./scenario.ts";
import { ModelStore } from "./store.ts";

/** The same moment for all: time is no part of the protocol but for a block's age. */
const NOW = Date.UTC(2026, 0, 2);
const LONG_AGO = Date.UTC(2026, 0, 1);

/** One call of one node that the store has not answered yet. */
interface Pending {
  readonly call: Call;
  readonly revision: bigint;
  readonly run: () => Promise<unknown>;
  readonly answer: (answer: Answer) => void;
  answered: Answer | undefined;
}

type Answer = { readonly value: unknown } | { readonly error: unknown };

/** A write on its way whose sender has given it up, or is dead. */
interface Stray {
  readonly name: string;
  readonly revision: bigint;
  readonly run: () => Promise<unknown>;
}

/** What can happen next. */
export interface Action {
  /** The same as long as it has not happened. */
  readonly id: string;
  readonly title: string;
  readonly happen: () => Promise<void>;
  /** Undefined: nothing is known to be independent of it. */
  readonly reach: Reach | undefined;
}

/** Whom an action concerns: one node, and what it asks of the store. */
interface Reach {
  readonly node: number;
  readonly call: Call | undefined;
}

/** True if two actions come to the same in either order. */
export function areIndependent({ reach: one }: Action, { reach: two }: Action): boolean {
  if (one === undefined || two === undefined || one.node === two.node) return false;
  if (one.call === undefined || two.call === undefined) return one.call !== two.call;
  return !disturbs(one.call, two.call) && !disturbs(two.call, one.call);
}

function disturbs(writer: Call, { keys, compared = [] }: Call): boolean {
  // A list's key is what keys begin with; that another key begins with the same does no harm here.
  return writer.isWrite && writer.keys.some((key) => [...keys, ...compared].some((touched) => key.startsWith(touched)));
}

interface Node {
  readonly name: string;
  readonly index: number;
  readonly transactions: boolean;
  readonly program: Program;
  life: number;
  /** The step it is at; the program's length when it is done. */
  step: number;
  calls: number;
  pending: Pending[];
  /** It waits for a while before it tries again; what it does then. */
  asleep: (() => void)[];
  /** Waits that take no time: see Run. */
  naps: number;
  /** All that this life of it has been told, in a word: what its client will do next depends on nothing else. */
  history: string;
  done: boolean;
}

interface Pod {
  state: "adding" | "running" | "deleting" | "gone";
  addresses: string;
}

/** What a node's life tells of its pods; nothing any more when it is over. */
interface Watcher extends Kubelet {
  adding(holder: string): void;
}

/** How much may go wrong in one story. */
export interface Misfortune {
  readonly crashes: number;
  /** Writes that are lost, refused, answered to nobody, or late. */
  readonly faults: number;
}

/**
 * One story, told step by step by whoever chooses among the actions.
 *
 * Two nodes that undo each other's work could go on for ever if the worst possible chance had it so. A client that was
 * refused three times waits for a random time; here it waits until the others are done or wait too. So all orders are
 * looked through up to the third refusal, and the fair ones beyond. The waits after a fault of the store are too few to
 * be told for: they take no time, and everything else may happen in them.
 */
export class Run {
  readonly #scenario: Scenario;
  readonly #store = new ModelStore();
  readonly #nodes: readonly Node[];
  readonly #pods = new Map<string, Pod>();
  #strays: Stray[] = [];
  #crashes: number;
  #faults: number;
  #failure: Error | undefined;
  #isWritten = true;

  constructor(scenario: Scenario, { crashes, faults }: Misfortune) {
    this.#scenario = scenario;
    this.#crashes = crashes;
    this.#faults = faults;
    this.#nodes = scenario.nodes.map((node, index) => ({
      ...node,
      index,
      life: 0,
      step: 0,
      calls: 0,
      pending: [],
      asleep: [],
      naps: faults,
      history: "",
      done: false,
    }));
  }

  async begin(): Promise<void> {
    for (const [index, { node: name, operation }] of this.#scenario.before.entries()) {
      this.#store.revision = BigInt(index + 1);
      const ipam = this.#client(this.#store, name, clockAt(LONG_AGO), seededRandom(index));
      await perform(
        ipam,
        operation,
        this.#kubelet(() => true),
      );
    }
    for (const node of this.#nodes) this.#start(node);
    await quiet();
  }

  /** Equal states have equal keys: the rows, what each client was told, what is under way, what may still go wrong. */
  get key(): string {
    const nodes = this.#nodes.map((node) => {
      const { life, step, calls, history, done, pending, asleep, naps } = node;
      const waiting = pending.map(
        ({ answered, revision }) => `${revision}:${answered ? digest(textOf(answered)) : ""}`,
      );
      return [life, step, calls, history, done, asleep.length, naps, ...waiting].join(" ");
    });
    const strays = this.#strays.map(({ revision }) => revision).sort();
    const pods = [...this.#pods].map(([name, { state, addresses }]) => `${name} ${state} ${addresses}`).sort();
    return digest([this.#store.text, ...nodes, strays, ...pods, this.#crashes, this.#faults].join("\n"));
  }

  /** What can happen, always in the same order. None: the story is over. */
  get actions(): readonly Action[] {
    return [
      ...this.#nodes.flatMap((node) => this.#actionsOf(node)),
      ...this.#strays.map((stray) => ({
        id: `late ${stray.revision}`,
        reach: undefined,
        title: `the late ${stray.name} arrives`,
        happen: () => this.#arrive(stray),
      })),
    ];
  }

  /** Throws on the first broken promise. */
  async check(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.#isWritten) return;
    this.#isWritten = false;
    const isAtomic = this.#nodes.every(({ transactions }) => transactions);
    const isAllowed = (problem: IpamProblem) => !isAtomic && isHalfWay(problem);
    const broken = (await auditIpam(this.#store)).filter((problem) => !isAllowed(problem));
    if (broken.length > 0) throw new Error(describe(broken));
  }

  /** The end of a story: every node starts anew and mends its own, undisturbed. Then nothing may be amiss. */
  async end(): Promise<void> {
    const isRunning = ([holder, { state }]: readonly [string, Pod], handle: string) =>
      handleOf(holder) === handle && state === "running";
    const isLive = (handle: string) => [...this.#pods].some((pod) => isRunning(pod, handle));
    for (const node of this.#nodes) {
      this.#store.revision = BigInt(9_000_000 + node.index);
      const store = node.transactions ? this.#store : new InterceptedStore(this.#store, (_call, run) => run(), SINGLES);
      const ipam = this.#client(store, node.name, clockAt(NOW), seededRandom(99 + node.index));
      await ipam.recover({ isLive, reclaimDeadAfterMs: 0, scanHandles: true });
    }
    const problems = await auditIpam(this.#store);
    if (problems.length > 0) throw new Error(describe(problems));
    const held = await this.#held();
    const promised = [...this.#pods]
      .filter(([, { state }]) => state === "running")
      .flatMap(([holder, { addresses }]) => addresses.split(" ").map((address) => `${address} ${handleOf(holder)}`));
    const [is, shall] = [held.sort().join(", "), promised.sort().join(", ")];
    if (is !== shall) throw new Error(`promised: ${shall}\nheld:     ${is}`);
  }

  #start(node: Node): void {
    const { life } = node;
    const isAlive = () => node.life === life;
    const intercept: Interceptor = (call, run) => this.#ask(node, call, run, isAlive);
    const store = new InterceptedStore(this.#store, intercept, {
      transactions: node.transactions,
      leases: false,
      versions: true,
    });
    const clock = clockAt(NOW, (resume) => this.#sleep(node, isAlive, resume));
    const ipam = this.#client(store, node.name, clock, seededRandom(node.index * 8 + life));
    const kubelet = this.#kubelet(isAlive);
    void this.#live(node, ipam, kubelet, isAlive).catch((error: unknown) => {
      if (isAlive()) this.#failure ??= error instanceof Error ? error : new Error(String(error));
    });
  }

  /** A node that has crashed mends what it left half done, and then does again what it was about to do. */
  async #live(node: Node, ipam: Ipam, kubelet: Watcher, isAlive: () => boolean): Promise<void> {
    if (node.life > 0) await attempt({ name: "recover" }, ipam, kubelet);
    for (let step = node.program[node.step]; step !== undefined && isAlive(); step = node.program[node.step]) {
      await Promise.all(step.map((operation) => attempt(operation, ipam, kubelet)));
      if (isAlive()) node.step += 1;
    }
    if (isAlive()) node.done = true;
  }

  #sleep(node: Node, isAlive: () => boolean, resume: () => void): void {
    if (!isAlive()) return;
    node.naps -= 1;
    if (node.naps >= 0) queueMicrotask(resume);
    else node.asleep.push(resume);
  }

  #ask<R>(node: Node, call: Call, run: () => Promise<R>, isAlive: () => boolean): Promise<R> {
    return new Promise((resolve, reject) => {
      if (!isAlive()) return;
      node.calls += 1;
      const revision = BigInt(((node.index + 1) * 10 + node.life) * 10_000 + node.calls);
      // What came out of `run` goes back to where it was asked for.
      const answer = (answered: Answer) => {
        if ("error" in answered) reject(answered.error);
        else resolve(answered.value as R);
      };
      node.pending.push({ call, revision, run, answer, answered: undefined });
    });
  }

  #actionsOf(node: Node): readonly Action[] {
    if (node.done) return [];
    const isQuiet = this.#nodes.every((other) => other === node || other.done || other.asleep.length > 0);
    if (node.asleep.length > 0 && isQuiet) {
      const title = `${node.name} tries again`;
      return [{ id: title, title, reach: undefined, happen: () => this.#wake(node) }];
    }
    // Who sleeps may wake when others are done: then order matters.
    const isCalm = this.#nodes.every(({ asleep }) => asleep.length === 0);
    const reachOf = (call: Call | undefined) => (isCalm ? { node: node.index, call } : undefined);
    const open = node.pending.filter(({ answered }) => answered === undefined);
    const actions: Action[] = open.map((pending) => ({
      id: `${pending.revision}`,
      reach: reachOf(pending.call),
      title: `${node.name}: ${titleOf(pending.call)}`,
      happen: () => this.#settle(node, pending, () => this.#run(pending)),
    }));
    if (this.#faults > 0)
      actions.push(...open.filter(({ call }) => call.isWrite).flatMap((p) => this.#faultsOf(node, p)));
    if (this.#crashes > 0) {
      const death = { id: `${node.name} dies`, reach: reachOf(undefined), title: `${node.name} dies` };
      actions.push({ ...death, happen: () => this.#crash(node, false) });
      if (open.some(({ call }) => call.isWrite)) {
        const title = `${death.title}, its writes on their way`;
        actions.push({ id: title, title, reach: undefined, happen: () => this.#crash(node, true) });
      }
    }
    return actions;
  }

  async #wake(node: Node): Promise<void> {
    const { asleep } = node;
    node.asleep = [];
    for (const resume of asleep) resume();
    await quiet();
  }

  #faultsOf(node: Node, pending: Pending): readonly Action[] {
    const title = `${node.name}: ${titleOf(pending.call)}`;
    const fault = (what: string, happen: () => Promise<Answer>): Action => ({
      id: `${pending.revision} ${what}`,
      reach: undefined,
      title: `${title}: ${what}`,
      happen: async () => {
        this.#faults -= 1;
        await this.#settle(node, pending, happen);
      },
    });
    const [unknown, unavailable] = [failure("UNKNOWN_OUTCOME"), failure("UNAVAILABLE")];
    return [
      fault("the store is away", async () => unavailable),
      fault("lost on its way", async () => unknown),
      fault("its answer is lost", async () => {
        await this.#run(pending);
        return unknown;
      }),
      fault("given up, and on its way", async () => {
        this.#strays.push({ ...pending, name: titleOf(pending.call) });
        return unknown;
      }),
    ];
  }

  async #run({ revision, run, call }: Pick<Pending, "revision" | "run"> & { readonly call?: Call }): Promise<Answer> {
    this.#store.revision = revision;
    if (call?.isWrite !== false) this.#isWritten = true;
    return run().then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
  }

  /** Answers go back when every call that the node has made is answered: it waits for all of them anyway. */
  async #settle(node: Node, pending: Pending, happen: () => Promise<Answer>): Promise<void> {
    pending.answered = await happen();
    const answers = node.pending.flatMap(({ answered }) => (answered === undefined ? [] : [answered]));
    if (answers.length < node.pending.length) return;
    const { pending: all } = node;
    node.pending = [];
    node.history = digest([node.history, ...answers.map(textOf)].join("\n"));
    for (const { answer, answered } of all) if (answered !== undefined) answer(answered);
    await quiet();
  }

  async #crash(node: Node, isLate: boolean): Promise<void> {
    this.#crashes -= 1;
    const open = node.pending.filter(({ answered, call }) => answered === undefined && call.isWrite);
    if (isLate) this.#strays.push(...open.map((pending) => ({ ...pending, name: titleOf(pending.call) })));
    node.pending = [];
    node.asleep = [];
    // A crash forgets what was read since the last write: so many moments to die at come to the same.
    node.life += 1;
    node.calls = 0;
    node.history = "";
    this.#start(node);
    await quiet();
  }

  async #arrive(stray: Stray): Promise<void> {
    this.#strays = this.#strays.filter((other) => other !== stray);
    await this.#run(stray);
  }

  #client(store: ModelStore | InterceptedStore, node: string, clock: Clock, random: Random): Ipam {
    return createIpam({ store, clock, random, node, settings: () => SETTINGS });
  }

  #kubelet(isAlive: () => boolean): Watcher {
    const pod = (holder: string): Pod => {
      const found = this.#pods.get(holder) ?? { state: "adding", addresses: "" };
      this.#pods.set(holder, found);
      return found;
    };
    return {
      adding: (holder: string) => {
        if (isAlive()) pod(holder);
      },
      promised: (holder: string, addresses: readonly string[]) => {
        if (isAlive()) this.#promise(holder, pod(holder), addresses.toSorted().join(" "));
      },
      deleting: (holder: string) => {
        if (isAlive()) Object.assign(pod(holder), { state: "deleting", addresses: "" });
      },
      deleted: (holder: string) => {
        if (isAlive()) pod(holder).state = "gone";
      },
      isLive: (handle: string) => this.#isLive(handle),
    };
  }

  #promise(holder: string, pod: Pod, addresses: string): void {
    if (pod.addresses !== "" && pod.addresses !== addresses) {
      throw new Error(`${holder} had ${pod.addresses}, and got ${addresses}`);
    }
    for (const address of addresses.split(" ")) {
      for (const [other, { addresses: theirs }] of this.#pods) {
        if (other !== holder && theirs.split(" ").includes(address)) {
          throw new Error(`${address} is given to ${other} and ${holder}`);
        }
      }
    }
    Object.assign(pod, { state: "running", addresses });
  }

  #isLive(handle: string): boolean {
    return [...this.#pods].some(([holder, { state }]) => handleOf(holder) === handle && state !== "gone");
  }

  async #held(): Promise<string[]> {
    const { items } = await this.#store.list(blocksPrefix());
    return items.flatMap(({ key, value }) => {
      const block = decodeBlock(key, value);
      return [...block.allocations.keys()].flatMap((ordinal) => {
        const handle = attributeOf(block, ordinal)?.handleId;
        return handle === undefined ? [] : [`${formatAddress(block.prefix.nth(ordinal))} ${handle}`];
      });
    });
  }
}

const SINGLES = { transactions: false, leases: false, versions: true };

const SETTINGS = { pools: POOLS, reservations: [], config: DEFAULT_IPAM_CONFIG };

/** A clock that stands. Who waits goes on at once unless told. */
function clockAt(now: number, after: (resume: () => void) => void = queueMicrotask): Clock {
  return {
    now: () => now,
    monotonic: () => now,
    after: (_ms, _name, callback) => {
      after(callback);
      return { cancel: () => {} };
    },
  };
}

/**
 * What one write of several may leave for a moment: an affinity without its block, a handle that counts too much; and a
 * block without its affinity, if another gave that up, as one to nothing, between its owner's claim and the block.
 */
function isHalfWay({ rule, what }: IpamProblem): boolean {
  if (rule === "block-unnamed") return true;
  if (rule === "affinity-half-done" || rule === "affinity-stale" || rule === "handle-orphaned") return true;
  const counts = /^it counts (\d+) in \S+, which gives it (\d+)$/.exec(what);
  return rule === "handle-count" && counts !== null && Number(counts[1]) > Number(counts[2]);
}

/** An operation may be refused, and where the store fails it may fail; nothing else may happen. */
async function attempt(operation: Operation, ipam: Ipam, kubelet: Watcher): Promise<void> {
  try {
    if (operation.name === "add" || operation.name === "ask") kubelet.adding(operation.holder);
    await perform(ipam, operation, kubelet);
  } catch (error) {
    const isExpected = error instanceof DatastoreError || (error instanceof IpamError && EXPECTED.has(error.code));
    if (!isExpected) throw error;
  }
}

const EXPECTED: ReadonlySet<string> = new Set(["IPAM_EXHAUSTED", "IPAM_ADDRESS_TAKEN", "IPAM_OUTCOME_UNKNOWN"]);

function failure(code: "UNKNOWN_OUTCOME" | "UNAVAILABLE"): Answer {
  return { error: new DatastoreError(code, "so the story goes") };
}

function describe(problems: readonly IpamProblem[]): string {
  return problems.map(({ rule, key, what }) => `${rule} ${key}: ${what}`).join("\n");
}

function titleOf({ name, keys }: Call): string {
  return [name, ...keys.map((key) => key.replace("/calico/ipam/v2/", ""))].join(" ");
}

/** Everything a client can do without being answered, it has done. */
function quiet(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function textOf(answer: Answer): string {
  const told = "error" in answer ? String(answer.error) : answer.value;
  return JSON.stringify(told, (_key, value: unknown) => (typeof value === "bigint" ? `${value}n` : value)) ?? "";
}

function digest(text: string): string {
  return createHash("md5").update(text).digest("base64");
}
