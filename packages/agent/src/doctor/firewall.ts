import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { FirewallFacts } from "@ocicat/doctor";
import type { Kernel } from "@ocicat/linux";
import type { Family } from "@ocicat/net";
import { readAllTables } from "@ocicat/nftables";
import { HOST_PLACES } from "./host.ts";

/** Everybody's rules, of one moment. Throws KernelError, NftError. */
export function readFirewall(kernel: Kernel, proc: string = HOST_PLACES.proc): FirewallFacts {
  const tables = readAllTables((request) => kernel.nftQuery(request));
  return { tables, unread: [...legacyTables(4, proc), ...legacyTables(6, proc)] };
}

const NAME_FILES: Readonly<Record<Family, string>> = { 4: "ip_tables_names", 6: "ip6_tables_names" };

/** Tables of iptables' old interface that this network namespace has. */
function legacyTables(family: Family, proc: string): FirewallFacts["unread"] {
  const file = join(proc, "thread-self/net", NAME_FILES[family]);
  if (!existsSync(file)) return [];
  const names = readFileSync(file, "utf8")
    .split("\n")
    .filter((name) => name !== "");
  return names.map((name) => ({ family, name, why: "its interface is another one" }));
}
