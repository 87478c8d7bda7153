import { OcicatError } from "@ocicat/kit";
import { withDatastore } from "../connect/datastore.ts";
import { decodeText, readText } from "../input/files.ts";
import { exportOf, TARGETS } from "../migrate/export.ts";
import { formatExport } from "../migrate/file.ts";
import { readImport } from "../migrate/import.ts";
import { lockDatastore, unlockDatastore } from "../migrate/lock.ts";
import { readContents } from "../migrate/stored.ts";
import { writeImport } from "../migrate/target.ts";
import type { ExportOptions, ImportOptions } from "../options/migrate.ts";
import type { DatastoreOptions } from "../options/shared.ts";
import type { Surroundings } from "../surroundings.ts";

export async function lock(surroundings: Surroundings, { config }: DatastoreOptions): Promise<void> {
  await withDatastore(surroundings, config, ({ client, random }) => lockDatastore(client, random));
  surroundings.print("Datastore locked.\n");
}

export async function unlock(surroundings: Surroundings, { config }: DatastoreOptions): Promise<void> {
  await withDatastore(surroundings, config, ({ client }) => unlockDatastore(client));
  surroundings.print("Datastore unlocked.\n");
}

export async function exportDatastore(surroundings: Surroundings, { to, config }: ExportOptions): Promise<void> {
  const target = TARGETS.find((known) => known === to);
  if (target === undefined) {
    const fix = `use one of ${TARGETS.join(", ")}`;
    throw new OcicatError({ code: "CLI_ARGUMENTS", where: "--to", what: `"${to}" is no datastore`, fix });
  }
  const contents = await withDatastore(surroundings, config, ({ store }) => readContents(store));
  surroundings.print(formatExport(exportOf(contents, target)));
}

export async function importDatastore(surroundings: Surroundings, { filename, config }: ImportOptions): Promise<void> {
  const code = "MIGRATE_FILE";
  const where = filename === "-" ? "standard input" : filename;
  const text = filename === "-" ? decodeText(surroundings.readInput(), where, code) : readText(filename, code);
  const plan = await readImport(text, where);
  await withDatastore(surroundings, config, ({ store }) => writeImport(store, plan));
  const { print } = surroundings;
  print(`Successfully applied ${plan.resources.length + plan.others.length + 1} resource(s)\n`);
  print(`Successfully applied ${plan.ipam.length} IPAM resource(s)\n`);
  print("Datastore information successfully imported. It is locked: point the agents at it, then unlock it.\n");
}
