import { Scope } from "@ocicat/kit";
import { runProcesses } from "../packages/ipam/test/processes/cluster.ts";
import type { SoakOptions } from "./options.ts";

/** Ten minutes unless told. */
const SECONDS = 600;

export async function run({ seconds = SECONDS, seed, store }: SoakOptions, say: (line: string) => void): Promise<void> {
  const kind = store === "embedded" ? "embedded" : "etcd";
  say(`${kind}, ${seconds} s, --seed ${seed}`);
  await using scope = new Scope("soak");
  const { kills, adds, deletions } = await runProcesses(scope, { store: kind, seconds, kills: 0, seed });
  say(`${kills} kills, ${adds} assignments, ${deletions} releases`);
}
