import { OcicatError } from "@ocicat/kit";
import { withDatastore } from "../connect/datastore.ts";
import type { BackupCommandOptions, RestoreCommandOptions } from "../options/backup.ts";
import type { Surroundings } from "../surroundings.ts";

export async function backUp(surroundings: Surroundings, file: string, options: BackupCommandOptions): Promise<void> {
  const { saveBackup } = await import("@ocicat/datastore/backup");
  const { prefix, overwrite = false } = options;
  const { keys, leased, revision } = await withDatastore(surroundings, options.config, ({ store }) =>
    saveBackup(store, file, { prefix, overwrite, taken: surroundings.now() }).catch((error: unknown) => {
      throw isNotText(error) ? notText(error) : error;
    }),
  );
  const left = leased === 0 ? "" : `; left out ${leased} that live by a lease`;
  surroundings.print(`Saved ${keys} keys of revision ${revision} to ${file}${left}\n`);
}

export async function restore(surroundings: Surroundings, file: string, options: RestoreCommandOptions): Promise<void> {
  const { readBackup, restoreBackup } = await import("@ocicat/datastore/backup");
  const backup = await readBackup(file);
  const { replace = false } = options;
  const report = await withDatastore(surroundings, options.config, ({ store }) =>
    restoreBackup(store, backup, { replace }),
  );
  const { created, changed, deleted, same } = report;
  surroundings.print(
    `Restored ${backup.items.length} keys of revision ${backup.revision}, taken ${backup.taken.toISOString()}: ` +
      `${created} created, ${changed} changed, ${deleted} deleted, ${same} as they were\n`,
  );
}

function isNotText(error: unknown): error is OcicatError {
  return error instanceof OcicatError && error.code === "INVALID";
}

/** Somebody else's keys: nothing of Calico's is binary. */
function notText(cause: OcicatError): OcicatError {
  const fix = "back up only what is Calico's: --prefix /calico/";
  return new OcicatError({ code: "BACKUP_NOT_TEXT", what: cause.message, fix, cause });
}
