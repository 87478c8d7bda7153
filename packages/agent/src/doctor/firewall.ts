import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { FirewallFacts } from "@ocicat/doctor";
import { type Kernel, KernelError, readLegacyTable } from "@ocicat/linux";
import type { Family } from "@ocicat/net";
import { decodeLegacyTable, readAllTables, type Table } from "@ocicat/nftables";
import { HOST_PLACES } from "./host.ts";

/** Everybody's rules. Throws KernelError, NftError. */
export function readFirewall(kernel: Kernel, proc: string = HOST_PLACES.proc): FirewallFacts {
  const tables = readAllTables((request) => kernel.nftQuery(request));
  const legacy: Table[] = [];
  const unread: FirewallFacts["unread"][number][] = [];
  for (const { family, name } of [...legacyNames(4, proc), ...legacyNames(6, proc)]) {
    try {
      legacy.push(decodeLegacyTable({ family, name, ...readLegacyTable(family, name) }));
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      unread.push({ family, name, why: error.message });
    }
  }
  return { tables, legacy, unread };
}

interface LegacyName {
  readonly family: Family;
  readonly name: string;
}

const NAME_FILES: Readonly<Record<Family, string>> = { 4: "ip_tables_names", 6: "ip6_tables_names" };

/** Tables of iptables' old interface that this network namespace has: the agent's own, which is the kernel's. */
function legacyNames(family: Family, proc: string): readonly LegacyName[] {
  const file = join(proc, "thread-self/net", NAME_FILES[family]);
  if (!existsSync(file)) return [];
  const names = readFileSync(file, "utf8").split("\n");
  return names.filter((name) => name !== "").map((name) => ({ family, name }));
}
