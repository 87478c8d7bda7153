import { OcicatError } from "@ocicat/kit";
import type { Kernel, KernelFailure } from "@ocicat/linux/kernel";
import type { Prefix } from "@ocicat/net";
import { encodeBatch, readTableHeads } from "@ocicat/nftables";
import type { Removal, Seen } from "./plan.ts";

export { podInterfaces, type Removal, removalOf, type Seen } from "./plan.ts";

const MAIN_TABLE = 254;

/** A node's kernel as it is. */
export function look(kernel: Kernel, pools: readonly Prefix[], interfacePrefix = "cali"): Seen {
  return {
    links: kernel.links(),
    addresses: kernel.addresses(),
    routes: [...kernel.routes(4, MAIN_TABLE), ...kernel.routes(6, MAIN_TABLE)],
    tables: readTableHeads((request) => kernel.nftQuery(request)),
    pools,
    interfacePrefix,
  };
}

/** How many of each are gone. */
export interface Removed {
  readonly routes: number;
  readonly links: number;
  readonly tables: number;
}

/**
 * Carries a removal out: routes, then links, the guard last, so that no packet passes where a rule forbade it a moment ago.
 * What is gone already is no failure. Throws OcicatError REMOVAL.
 */
export async function remove(kernel: Kernel, { routes, addresses, links, rules }: Removal): Promise<Removed> {
  const failures = kernel.apply([...routes, ...addresses]);
  const outcomes = await Promise.all(links.map(({ index }) => kernel.deleteLink(index)));
  const [first] = [...failures, ...outcomes].filter((each) => each !== undefined).filter((each) => !isGone(each));
  if (first !== undefined) {
    throw new OcicatError({
      code: "REMOVAL",
      where: "this node's kernel",
      what: `something of the network could not be removed: ${first.errno} ${first.message}`,
      fix: "look who holds it, and run it again: what is gone stays gone",
    });
  }
  if (rules.length > 0) kernel.nftCommit(encodeBatch(rules).messages);
  return { routes: routes.length, links: links.length, tables: rules.length };
}

const GONE: ReadonlySet<string> = new Set(["ESRCH", "ENODEV", "EADDRNOTAVAIL", "ENOENT"]);

const isGone = ({ errno }: KernelFailure): boolean => GONE.has(errno);
