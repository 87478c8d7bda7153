import type { NamedSet } from "@ocicat/nftables";
import { REVOKED } from "../../compile/static-sets.ts";

const NAMES: ReadonlySet<string> = new Set(Object.values(REVOKED).map(({ set }) => set));

/** What it holds comes and goes with connections, and is no policy: both answers of a look-up are proved. */
export function isState({ name }: NamedSet): boolean {
  return NAMES.has(name);
}
