import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seededRandom } from "@ocicat/kit";
import { afterAll, describe, expect, it } from "vitest";
import { Machine } from "./support/power-cut/machine.ts";

const ROUNDS = 5;
const SEED = 20_261_122;
const work = mkdtempSync(join(tmpdir(), "oct-power-"));
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** What a boot said on its console. */
class Report {
  readonly stored = new Map<string, string>();
  readonly acknowledged = new Map<string, string>();
  /** Bytes that were never flushed and are there all the same. */
  careless = 0;
  /** Bytes of the data file when the server found it: checkpoints have put them there, for no server ever ended in peace. */
  dataFile = 0;
  /** Everything else: of the kernel until the machine is up, of the guest's program then. */
  readonly remarks: string[] = [];

  #over = false;

  read(line: string): void {
    if (this.#over) return;
    const [word, first = "", second = ""] = line.trim().split(" ");
    if (word === "stored") this.stored.set(first, second);
    else if (word === "ack") this.acknowledged.set(first, second);
    else if (word === "file") this.dataFile = Number(first);
    else if (word === "careless") this.careless = Number(first);
    else if (word === "up") this.remarks.length = 0;
    else if (word === "end") this.#over = true;
    else if (line.trim() !== "") this.remarks.push(line.trim());
  }
}

/**
 * A user-mode kernel with the database on an ext4 image, killed with SIGKILL while clients write; then booted again.
 *
 * What this proves: an acknowledged write had left that kernel's memory, through SQLite, ext4 and its journal, and what is on
 * the image after a cut at any moment (in the middle of a log frame, a checkpoint, a compaction, a journal's commit) opens as
 * a database that has all of them. That the cut is one is shown by a file beside it that was never flushed and loses data.
 * What it does not prove: that the disk was told to flush its own cache. What the user-mode kernel has handed to the host
 * survives the kill, as if every disk had a battery.
 */
describe("a power cut", () => {
  it("takes no acknowledged write, halves no transaction and garbles nothing, whenever it comes", async () => {
    const machine = new Machine(work);
    const random = seededRandom(SEED);
    const acknowledged = new Map<string, string>();
    let carelesslyLost = 0;
    let checkpointed = 0;
    for (let round = 1; round <= ROUNDS + 1; round++) {
      const last = round > ROUNDS;
      const moment = 20 + (random.uint32() % 2_500);
      const report = new Report();
      let isCut = false;
      const end = await machine.boot(last ? "last" : `${round}`, (line) => {
        // What a dying machine has to complain of is no finding; what it had acknowledged by then counts.
        if (isCut && !line.startsWith("ack ")) return undefined;
        report.read(line);
        isCut = !last && report.acknowledged.size >= moment;
        return isCut ? "cut" : undefined;
      });

      expect([...report.remarks, end]).toEqual(last ? ["told", "integrity ok", "ended"] : ["told", "cut"]);
      const missing = [...acknowledged].filter(([key, revision]) => report.stored.get(key) !== revision);
      expect(missing, `after ${round - 1} cuts`).toEqual([]);
      expect(halves(report.stored)).toEqual([]);
      for (const [key, revision] of report.acknowledged) acknowledged.set(key, revision);
      if (round > 1 && report.careless === 0) carelesslyLost += 1;
      checkpointed = Math.max(checkpointed, report.dataFile);
    }
    expect(acknowledged.size).toBeGreaterThan(ROUNDS * 20);
    expect(carelesslyLost).toBeGreaterThan(0);
    expect(checkpointed).toBeGreaterThan(100_000);
    expect(machine.fsck()).toBeUndefined();
  }, 120_000);
});

/** Transactions of which one key is there and the other is not. */
function halves(stored: ReadonlyMap<string, string>): string[] {
  return [...stored.keys()].filter((key) => {
    const other = /\.a$/.test(key) ? key.replace(/a$/, "b") : key.replace(/b$/, "a");
    return /\.[ab]$/.test(key) && stored.get(other) !== stored.get(key);
  });
}
