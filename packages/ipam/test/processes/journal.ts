import { readFileSync, writeSync } from "node:fs";

/**
 * What a process did, a line at a time and before it goes on: what is written stays when the process is killed. Times are
 * the machine's, the same for all processes.
 */
export interface Entry {
  readonly at: bigint;
  /** add, del: it is about to. given: the addresses are promised. gone: nothing is held any more. */
  readonly what: "add" | "given" | "del" | "gone";
  readonly pod: string;
  readonly addresses: readonly string[];
}

export interface Pod {
  readonly what: Entry["what"];
  readonly addresses: readonly string[];
}

export function note(file: number, what: Entry["what"], pod: string, addresses: readonly string[] = []): void {
  writeSync(file, `${process.hrtime.bigint()} ${what} ${pod} ${addresses.join(",")}\n`);
}

/** A line that was being written when the process died is not one. */
export function readJournal(path: string): readonly Entry[] {
  const lines = readFileSync(path, { encoding: "utf8", flag: "a+" }).split("\n").slice(0, -1);
  return lines.map((line) => {
    const [at = "", what = "", pod = "", addresses = ""] = line.split(" ");
    if (what !== "add" && what !== "given" && what !== "del" && what !== "gone") throw new Error(`"${line}"`);
    return { at: BigInt(at), what, pod, addresses: addresses === "" ? [] : addresses.split(",") };
  });
}

/** Each pod as it was left. */
export function podsOf(entries: readonly Entry[]): ReadonlyMap<string, Pod> {
  return new Map(entries.map(({ pod, what, addresses }) => [pod, { what, addresses }]));
}

/** Addresses that two pods were promised at the same time, from any process's journal. */
export function promisedTwice(entries: readonly Entry[]): readonly string[] {
  const holders = new Map<string, string>();
  const problems: string[] = [];
  for (const { what, pod, addresses } of entries.toSorted((a, b) => (a.at < b.at ? -1 : 1))) {
    if (what === "given") {
      for (const address of addresses) {
        const other = holders.get(address);
        if (other !== undefined && other !== pod) problems.push(`${address} was promised to ${other} and ${pod}`);
        holders.set(address, pod);
      }
    }
    if (what === "del") for (const [address, holder] of holders) if (holder === pod) holders.delete(address);
  }
  return problems;
}
