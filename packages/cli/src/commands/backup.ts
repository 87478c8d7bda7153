import type { Command } from "commander";
import type { BackupCommandOptions, RestoreCommandOptions } from "../options/backup.ts";
import type { Surroundings } from "../surroundings.ts";
import { withDatastoreOptions, withExamples } from "./options.ts";

export function addBackup(datastore: Command, surroundings: Surroundings): void {
  const backup = datastore
    .command("backup")
    .summary("write all keys to a file")
    .description(
      "Write all keys of the datastore, embedded or etcd, to a file: all of one revision, while everything goes on. The " +
        "file is text, checksummed, for this user alone, and appears when it is whole. Keys that live by a lease are " +
        "counted and left out; so are users and roles.",
    )
    .argument("<file>", "where to; not over a file that is there")
    .option("--prefix <prefix>", "only keys that begin so, as /calico/ of an etcd that others use too", "")
    .option("--overwrite", "take the place of a file that is there")
    .action(async (file: string, options: BackupCommandOptions) => {
      const { backUp } = await import("../actions/datastore-backup.ts");
      await backUp(surroundings, file, options);
    });
  withDatastoreOptions(backup);
  withExamples(backup, [
    ["datastore backup calico.backup", "all of it"],
    ["datastore backup --prefix /calico/ calico.backup", "of an etcd that is Kubernetes's too"],
  ]);
}

export function addRestore(datastore: Command, surroundings: Surroundings): void {
  const restore = datastore
    .command("restore")
    .summary("write a backup's keys to the datastore")
    .description(
      "Write the keys of a backup to the datastore, embedded or etcd. The backup is read and checked whole first. A " +
        "datastore that holds something else than the backup is left alone unless --replace is given. Stop the agents " +
        "before, for they would act on half of it. If it is interrupted, run it again: it goes on where it stopped.",
    )
    .argument("<file>", "what `datastore backup` wrote")
    .option("--replace", "change and delete what is in the datastore and not so in the backup")
    .action(async (file: string, options: RestoreCommandOptions) => {
      const { restore: run } = await import("../actions/datastore-backup.ts");
      await run(surroundings, file, options);
    });
  withDatastoreOptions(restore);
  withExamples(restore, [
    ["datastore restore calico.backup", "into an empty datastore"],
    ["datastore restore --replace calico.backup", "back to how it was"],
  ]);
}
