import { closeSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { mrtEntries } from "@ocicat/agent/mrt";
import { describeEntry, linesOf, type MrtEntry } from "@ocicat/bgp/mrt";
import { stringifyJson } from "@ocicat/kit";
import { downloadFromAgent } from "../agents/ask.ts";
import { oneAgent } from "../agents/reach.ts";
import type { MrtDumpOptions, MrtReadOptions } from "../options/bgp.ts";
import { formatOf } from "../output/choose.ts";
import type { Surroundings } from "../surroundings.ts";

/** What is printed at once. */
const BATCH = 64 * 1024;

export async function readMrt({ print }: Surroundings, file: string, { output }: MrtReadOptions): Promise<void> {
  const textOf = formatOf(output, {
    ps: (entry: MrtEntry) =>
      linesOf(entry)
        .map((line) => `${line}\n`)
        .join(""),
    json: (entry: MrtEntry) => `${stringifyJson(describeEntry(entry))}\n`,
  });
  let text = "";
  try {
    for await (const entry of mrtEntries(file)) {
      text += textOf(entry);
      if (text.length < BATCH) continue;
      print(text);
      text = "";
    }
  } finally {
    // What stands before a damaged place can be used.
    print(text);
  }
}

/** The table, whole or not at all. */
export async function dumpMrt(surroundings: Surroundings, file: string, { node }: MrtDumpOptions): Promise<void> {
  const { socket } = oneAgent(surroundings, node);
  if (file === "-") {
    await downloadFromAgent(socket, "/bgp/mrt", surroundings.printBytes);
    return;
  }
  const partial = `${file}.partial`;
  const descriptor = openSync(partial, "w", 0o640);
  try {
    await downloadFromAgent(socket, "/bgp/mrt", (piece) => {
      for (let at = 0; at < piece.length; ) at += writeSync(descriptor, piece, at);
    });
    renameSync(partial, file);
  } finally {
    closeSync(descriptor);
    rmSync(partial, { force: true });
  }
}
