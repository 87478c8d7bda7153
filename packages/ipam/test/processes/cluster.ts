import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { blocksPrefix, decodeBlock } from "@ocicat/api/ipam";
import type { Datastore } from "@ocicat/datastore";
import { type Scope, seededRandom } from "@ocicat/kit";
import { formatAddress } from "@ocicat/net";
import { startServerProcess } from "../../../datastore/test/server/support/processes.ts";
import { startEtcd } from "../../../datastore/test/support/etcd.ts";
import { listAll } from "../../src/client/search/list.ts";
import { attributeOf, auditIpam } from "../../src/index.ts";
import { podsOf, promisedTwice, readJournal } from "./journal.ts";
import { ENDPOINTS, MEMBERS, type Member, openIpam, openStore } from "./plan.ts";

export interface ProcessesOptions {
  readonly store: "etcd" | "embedded";
  /** It goes on at least as long, and for at least as many kills. */
  readonly seconds: number;
  readonly kills: number;
  readonly seed: number;
}

export interface ProcessesResult {
  readonly kills: number;
  readonly adds: number;
  readonly deletions: number;
}

const MEMBER = join(import.meta.dirname, "member.ts");

/**
 * Five processes over one real datastore, each killed at random and started again, which ends what it left half done and
 * goes on. In the end all are let finish, and what they were promised is compared with what is stored. Throws on a
 * difference.
 */
export async function runProcesses(scope: Scope, options: ProcessesOptions): Promise<ProcessesResult> {
  const random = seededRandom(options.seed);
  const directory = mkdtempSync(join(tmpdir(), "oct-ipam-"));
  scope.add(directory, () => rmSync(directory, { recursive: true, force: true }));
  const endpoint = await startStore(scope, options.store, directory);
  const members = MEMBERS.map((name, index): Member => {
    const journal = join(directory, name);
    // Some write in transactions and some row by row, as where some run Calico.
    return { name, endpoint, journal, transactions: index % 3 !== 1, seed: 0, cooldown: options.seed % 2 === 1 };
  });
  const until = performance.now() + options.seconds * 1000;
  let kills = 0;
  const isOver = () => kills >= options.kills && performance.now() >= until;
  await Promise.all(
    members.map(async (member) => {
      // How long each life lasts is counted in what it does, so that a slow machine has no other story.
      while (!isOver()) {
        const life = new Life(scope, { ...member, seed: random.uint32() });
        await life.until(random.uint32() % MOST_SIGNS, isOver);
        if (isOver()) return life.end();
        await life.kill();
        kills += 1;
      }
      return new Life(scope, { ...member, seed: random.uint32() }).end();
    }),
  );
  const entries = members.flatMap(({ journal }) => readJournal(journal));
  const problems = [...promisedTwice(entries), ...(await judge(members))];
  if (problems.length > 0) throw new Error(`seed ${options.seed}:\n${problems.join("\n")}`);
  const count = (what: string) => entries.filter((entry) => entry.what === what).length;
  return { kills, adds: count("given"), deletions: count("gone") };
}

async function startStore(scope: Scope, kind: ProcessesOptions["store"], directory: string): Promise<string> {
  if (kind === "embedded") {
    const socket = join(directory, "server.sock");
    await startServerProcess(scope, join(directory, "data.db"), socket);
    return `unix://${socket}`;
  }
  const etcd = await startEtcd();
  scope.add("etcd", () => etcd.stop());
  return etcd.endpoint;
}

/** How many signs of life a process gives at most before it is killed. */
const MOST_SIGNS = 200;

/** One life of a process. */
class Life {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  #signs = 0;
  #onSign: () => void = () => {};
  #said = "";

  constructor(scope: Scope, member: Member) {
    const args = ["--conditions=source", MEMBER, JSON.stringify(member)];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#name = member.name;
    this.#child = child;
    this.#closed = once(child, "close");
    child.stdout.on("data", (signs: Buffer) => {
      this.#signs += signs.length;
      this.#onSign();
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#said += text;
    });
    const forget = scope.add(`${member.name} ${child.pid}`, () => void child.kill("SIGKILL"));
    child.once("close", forget);
  }

  /** Until it has given so many signs of life, or all is over. Throws if it ends by itself. */
  async until(signs: number, isOver: () => boolean): Promise<void> {
    const enough = new Promise<void>((resolve) => {
      this.#onSign = () => {
        if (this.#signs > signs || (this.#signs > 0 && isOver())) resolve();
      };
    });
    await Promise.race([enough, this.#closed]);
    if (this.#child.exitCode !== null) throw this.#failure();
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#closed;
  }

  /** Lets it finish what it does. Throws if it does not come to a good end. */
  async end(): Promise<void> {
    await this.until(0, () => true);
    this.#child.kill("SIGTERM");
    await this.#closed;
    if (this.#child.exitCode !== 0) throw this.#failure();
  }

  #failure(): Error {
    const { exitCode, signalCode } = this.#child;
    return new Error(`${this.#name} ended (${exitCode ?? signalCode}): ${this.#said}`);
  }
}

/** What is wrong in the end: every owner mends its own once more, then all that is stored is what was promised. */
async function judge(members: readonly Member[]): Promise<readonly string[]> {
  const [first] = members;
  if (first === undefined) return ["there were no members"];
  const pods = new Map(members.flatMap(({ journal }) => [...podsOf(readJournal(journal))]));
  const running = [...pods].filter(([, { what }]) => what === "given");
  const isLive = (handle: string) => running.some(([pod]) => handle === `soak.${pod}`);
  for (const member of members) {
    await using closing = { store: openStore(member), [Symbol.asyncDispose]: () => closing.store.close() };
    await openIpam(member, closing.store).recover({ isLive, reclaimDeadAfterMs: 0, scanHandles: true });
  }
  await using opened = { store: openStore(first), [Symbol.asyncDispose]: () => opened.store.close() };
  const { store } = opened;
  const problems = (await auditIpam(store)).map(({ rule, key, what }) => `${rule} ${key}: ${what}`);
  const shall = new Set(running.flatMap(([pod, { addresses }]) => addresses.map((each) => `${each} of soak.${pod}`)));
  const is = await heldIn(store);
  problems.push(...[...shall.difference(is)].map((what) => `promised, not held: ${what}`));
  problems.push(...[...is.difference(shall)].map((what) => `held, not promised: ${what}`));
  const endpoints = new Set((await listAll(store, ENDPOINTS)).map(({ key }) => key.slice(ENDPOINTS.length)));
  const names = new Set(running.map(([pod]) => pod));
  problems.push(...[...endpoints.symmetricDifference(names)].map((pod) => `${pod}: its endpoint is not as the pod is`));
  return problems;
}

async function heldIn(store: Datastore): Promise<ReadonlySet<string>> {
  const rows = await listAll(store, blocksPrefix());
  return new Set(
    rows.flatMap(({ key, value }) => {
      const block = decodeBlock(key, value);
      return [...block.allocations.keys()].flatMap((ordinal) => {
        const handle = attributeOf(block, ordinal)?.handleId;
        return handle === undefined ? [] : [`${formatAddress(block.prefix.nth(ordinal))} of ${handle}`];
      });
    }),
  );
}
