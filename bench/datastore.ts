/**
 * The embedded server against Debian's etcd, both on the same disk and through the same client; and against itself with
 * more keys. The keys and values have the size of Calico's workload endpoints.
 */
import { calls } from "./datastore/calls.ts";
import { fanOut } from "./datastore/fan-out.ts";
import { size } from "./datastore/size.ts";
import type { Case } from "./report.ts";

const PARTS = { calls, fanOut, size };

/** All parts, or those named in OCICAT_BENCH_PARTS. */
export async function run(): Promise<Case[]> {
  const wanted = process.env.OCICAT_BENCH_PARTS?.split(",");
  const cases: Case[] = [];
  for (const [name, part] of Object.entries(PARTS)) {
    if (wanted === undefined || wanted.includes(name)) cases.push(...(await part()));
  }
  return cases;
}
