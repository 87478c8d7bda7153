import { profile, tier } from "@ocicat/api";
import { endpointKey, type PolicyIndex, readProfile, readTier } from "@ocicat/policy";
import { policyService, ServiceSlices } from "../services/slices.ts";
import type { Table } from "../tables/table.ts";
import type { Tables } from "../tables/tables.ts";
import { isChosenAlike, nodeSetOf } from "./node-sets.ts";
import { policyTables } from "./tables.ts";

type Fed = Pick<Tables, "policy" | "nodes">;

/** Hands the tables' rows to the index, as they are and as they change, beside what is there without being stored. */
export function feedIndex({ policy: rows, nodes }: Fed, index: PolicyIndex, onChange: () => void): void {
  function feed<Row>(table: Table<Row>, keyOf: (row: Row) => string, set: (key: string, row: Row | undefined) => void) {
    table.subscribe((_key, row, previous) => {
      const [key, before] = [row && keyOf(row), previous && keyOf(previous)];
      if (before !== undefined && before !== key) set(before, undefined);
      if (row !== undefined && key !== undefined) set(key, row);
      onChange();
    });
  }
  for (const each of BUILT_IN.tiers.values()) index.setTier(each.name, each);
  for (const each of BUILT_IN.profiles.values()) index.setProfile(each.name, each);
  const nameOf = ({ name }: { readonly name: string }) => name;
  feed(rows.tiers, nameOf, (name, row) => index.setTier(name, row ?? BUILT_IN.tiers.get(name)));
  feed(rows.profiles, nameOf, (name, row) => index.setProfile(name, row ?? BUILT_IN.profiles.get(name)));
  feed(rows.workloads, endpointKey, (key, row) => index.setEndpoint(key, row));
  feed(rows.hosts, endpointKey, (key, row) => index.setEndpoint(key, row));
  for (const table of [rows.networkSets, rows.globalNetworkSets])
    feed(
      table,
      ({ kind, id }) => `${kind} ${id}`,
      (key, row) => index.setNetworkSet(key, row),
    );
  nodes.subscribe((_key, row, previous) => {
    if (row !== undefined && previous !== undefined && isChosenAlike(row, previous)) return;
    const { name = "" } = row ?? previous ?? {};
    index.setNodeSet(name, row && nodeSetOf(row));
    onChange();
  });
  const slices = new ServiceSlices(rows.endpointSlices, (service) => {
    index.setService(service, policyService(service, slices.of(service)));
    onChange();
  });
  for (const table of policyTables(rows)) {
    table.subscribe((_key, row, previous) => {
      const { id } = row ?? previous ?? {};
      if (id === undefined) return;
      // One policy may stand under two keys, that of before v3.32 and today's: with one gone the other still holds.
      index.setPolicy(id, row ?? [...table.rows()].find((other) => other.id === id));
      onChange();
    });
  }
}

/** There without being stored; one that is stored under the same name counts instead. */
export const BUILT_IN = {
  tiers: new Map(tier.builtIn.map((each) => [each.metadata.name, readTier(each)])),
  profiles: new Map(profile.builtIn.map((each) => [each.metadata.name, readProfile(each)])),
} as const;
