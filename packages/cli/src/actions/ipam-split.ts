import { splitPool } from "@ocicat/ipam";
import { OcicatError } from "@ocicat/kit";
import { withDatastore } from "../connect/datastore.ts";
import type { IpamSplitOptions } from "../options/ipam.ts";
import type { Surroundings } from "../surroundings.ts";

export async function splitIpam(surroundings: Surroundings, number: string, options: IpamSplitOptions): Promise<void> {
  const { name, cidr, config } = options;
  // By name if both are given, as with calicoctl.
  const pool = name ?? cidr ?? refuse("no pool is named", "give its --cidr or its --name");
  const parts = /^\d+$/.test(number) ? Number(number) : refuse(`"${number}" is not a number`, "give 2, 4, 8, …");
  const result = await withDatastore(surroundings, config, ({ store, clock, random }) =>
    splitPool({ store, clock, random }, { pool, parts }),
  );
  surroundings.print(`IP Pool ${result.pool} was successfully split into ${result.parts.length} smaller pools.\n`);
  for (const part of result.parts) surroundings.print(`Created ${part.name} with CIDR ${part.cidr}.\n`);
  surroundings.tell("the datastore is still locked: ocicat datastore migrate unlock lets allocations go on");
}

function refuse(what: string, fix: string): never {
  throw new OcicatError({ code: "CLI_ARGUMENTS", what, fix });
}
