import { Scope, silentLogger } from "@ocicat/kit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GrpcCode, GrpcError } from "../../../src/grpc/index.ts";
import { GroupCommit } from "../../../src/server/commit/group-commit.ts";
import { etcdError, type ServerError } from "../../../src/server/errors.ts";
import type { Committed, Store } from "../../../src/server/storage/store.ts";
import type { Writer } from "../../../src/server/storage/writer.ts";
import { bytes, openStore, text } from "../support/store.ts";

/** A disk that finishes when the test says so. */
class SlowDisk {
  readonly #flushes: ((error: Error | undefined) => void)[] = [];
  #began: (() => void) | undefined;

  flush(done: (error: Error | undefined) => void): void {
    this.#flushes.push(done);
    this.#began?.();
  }

  get busy(): boolean {
    return this.#flushes.length > 0;
  }

  /** Waits until a flush has begun, and ends it. */
  async finish(error?: Error): Promise<void> {
    if (!this.busy) await new Promise<void>((resolve) => (this.#began = resolve));
    const done = this.#flushes.shift();
    done?.(error);
  }
}

let scope: Scope;
let store: Store;
let disk: SlowDisk;
let commits: GroupCommit;
let log: string[];
let failures: ServerError[];

beforeEach(() => {
  scope = new Scope("group commit");
  store = openStore(scope);
  disk = new SlowDisk();
  log = [];
  failures = [];
  commits = new GroupCommit({
    store,
    logger: silentLogger,
    flush: (done) => disk.flush(done),
    durable: ({ changes }: Committed) => log.push(`durable ${changes.map(({ entry }) => text(entry.key)).join(" ")}`),
    full: () => log.push("full"),
    failed: (error) => failures.push(error),
  });
});
afterEach(() => scope.close());

const put = (key: string) => (writer: Writer) => {
  writer.put(bytes(key), bytes(key), 0n);
  return writer.revision;
};
/** Notes how a write ended. */
const note = (name: string, outcome: Promise<unknown>) =>
  outcome.then(
    (value) => log.push(`${name} ${String(value)}`),
    (error: unknown) => log.push(`${name} ${error instanceof GrpcError ? error.code : String(error)}`),
  );

describe("the group commit", () => {
  it("answers all that arrived in one turn after one flush, in order, each at its revision", async () => {
    const answers = [note("a", commits.submit(put("a"))), note("b", commits.submit(put("b")))];
    await disk.finish();
    await Promise.all(answers);
    expect(log).toEqual(["durable a b", "a 2", "b 3"]);
    expect(disk.busy).toBe(false);
  });

  it("lets what arrives during a flush wait for the next one", async () => {
    const first = note("first", commits.submit(put("a")));
    while (!disk.busy) await turn();
    const second = note("second", commits.submit(put("b")));
    const third = note("third", commits.submit(put("c")));
    await turn();
    expect(log).toEqual([]);
    await disk.finish();
    await first;
    await disk.finish();
    await Promise.all([second, third]);
    expect(log).toEqual(["durable a", "first 2", "durable b c", "second 3", "third 4"]);
  });

  it("shows nothing before it is on the disk: neither a revision nor what was read", async () => {
    const written = commits.submit(put("a"));
    while (!disk.busy) await turn();
    expect(commits.durableRevision).toBe(1);
    const read = note("read", Promise.resolve(commits.settled(store.get(bytes("a"))?.modRevision)));
    await turn();
    expect(log).toEqual([]);
    await disk.finish();
    await Promise.all([written, read]);
    expect(log).toEqual(["durable a", "read 2"]);
    expect(commits.durableRevision).toBe(2);
  });

  it("lets each request see those before it in the same group", async () => {
    const claim = (writer: Writer) => {
      if (writer.get(bytes("claim")) !== undefined) throw etcdError("leaseExists");
      writer.put(bytes("claim"), bytes(""), 0n);
      return "won";
    };
    const claims = ["a", "b", "c"].map((name) => note(name, commits.submit(claim)));
    await disk.finish();
    await Promise.all(claims);
    expect(log).toEqual([
      "durable claim",
      "a won",
      `b ${GrpcCode.FAILED_PRECONDITION}`,
      `c ${GrpcCode.FAILED_PRECONDITION}`,
    ]);
  });

  it("answers a fault of its own with INTERNAL, undoes that request, and serves its neighbours", async () => {
    const broken = (writer: Writer) => {
      writer.put(bytes("half"), bytes(""), 0n);
      throw new TypeError("a bug");
    };
    const answers = [
      note("a", commits.submit(put("a"))),
      note("bug", commits.submit(broken)),
      note("b", commits.submit(put("b"))),
    ];
    await disk.finish();
    await Promise.all(answers);
    expect(log).toEqual(["durable a b", "a 2", `bug ${GrpcCode.INTERNAL}`, "b 3"]);
    expect(store.get(bytes("half"))).toBeUndefined();
  });

  it("needs no flush for a group that writes nothing", async () => {
    await note(
      "read",
      commits.submit((writer) => writer.revision),
    );
    expect(log).toEqual(["durable ", "read 1"]);
    expect(disk.busy).toBe(false);
  });

  it("runs effects after the flush and before the answers, and not for what failed", async () => {
    const answers = [
      note(
        "a",
        commits.submit((writer) => {
          writer.afterCommit(() => log.push("effect of a"));
          return put("a")(writer);
        }),
      ),
      note(
        "b",
        commits.submit((writer) => {
          writer.afterCommit(() => log.push("effect of b"));
          throw etcdError("keyNotFound");
        }),
      ),
    ];
    await disk.finish();
    await Promise.all(answers);
    expect(log).toEqual(["effect of a", "durable a", "a 2", `b ${GrpcCode.INVALID_ARGUMENT}`]);
  });

  it("takes no more, and shows no more, once the disk has failed: the outcome of what was under way is unknown", async () => {
    const first = note("first", commits.submit(put("a")));
    while (!disk.busy) await turn();
    const second = note("second", commits.submit(put("b")));
    const read = note("read", Promise.resolve(commits.settled("value")));
    await disk.finish(new Error("EIO"));
    await Promise.all([first, second, read]);
    await note("third", commits.submit(put("c")));
    expect(log.toSorted()).toEqual(
      ["first", "read", "second", "third"].map((name) => `${name} ${GrpcCode.UNAVAILABLE}`),
    );
    expect(failures.map((error) => error.code)).toEqual(["STORAGE_FAILED"]);
    expect(() => commits.settled("value")).toThrow("server stopped");
    expect(commits.durableRevision).toBe(1);
    expect(disk.busy).toBe(false);
  });

  it("refuses a group that the disk has no room for, and takes the next one when it has", async () => {
    const large = (writer: Writer) => writer.put(bytes("large"), Buffer.alloc(100_000), 0n);
    const limit = (pages: number) => store.file.db.exec(`PRAGMA max_page_count = ${pages}`);
    limit(20);
    await Promise.all([note("small", commits.submit(put("a"))), note("large", commits.submit(large))]);
    expect(log).toEqual(["full", `small ${GrpcCode.RESOURCE_EXHAUSTED}`, `large ${GrpcCode.RESOURCE_EXHAUSTED}`]);
    expect([store.revision, store.get(bytes("a")), failures.length]).toEqual([1, undefined, 0]);
    limit(1000);
    const again = note("again", commits.submit(put("a")));
    await disk.finish();
    await again;
    expect(log.slice(3)).toEqual(["durable a", "again 2"]);
  });

  it("writes what waits when stopped, and refuses what comes after", async () => {
    const waiting = note("waiting", commits.submit(put("a")));
    const stopped = commits.stop();
    const late = note("late", commits.submit(put("b")));
    await disk.finish();
    await Promise.all([waiting, stopped, late]);
    expect(log).toContain("waiting 2");
    expect(log).toContain(`late ${GrpcCode.UNAVAILABLE}`);
    expect(store.revision).toBe(2);
  });
});

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
