import type { Command } from "commander";
import type { ExportOptions, ImportOptions } from "../options/migrate.ts";
import type { DatastoreOptions } from "../options/shared.ts";
import type { Surroundings } from "../surroundings.ts";
import { valueOption, withDatastoreOptions, withExamples } from "./options.ts";

/** Under `datastore`. */
export function addMigrate(datastore: Command, surroundings: Surroundings): void {
  const migrate = datastore
    .command("migrate")
    .summary("move a cluster's data from one datastore to another")
    .description(
      "Move a cluster's data from one datastore to another: lock the one it is in, export, import into the other, point " +
        "the agents there, unlock that. Pods keep their addresses, and packets go on meanwhile.",
    );
  addExport(migrate, surroundings);
  addImport(migrate, surroundings);
  const locking = migrate
    .command("lock")
    .summary("stop changes, for a migration")
    .description(
      "Lock the datastore: no workload is added or removed, and agents leave the kernel as it is and write nothing, until " +
        "it is unlocked. BGP sessions stay. Resources can still be written, and take effect then.",
    )
    .action(async (options: DatastoreOptions) => {
      const { lock } = await import("../actions/migrate.ts");
      await lock(surroundings, options);
    });
  withExamples(withDatastoreOptions(locking), [["datastore migrate lock", "before the export"]]);
  const unlocking = migrate
    .command("unlock")
    .summary("let changes take effect again")
    .description("Unlock the datastore: what was changed meanwhile takes effect, and workloads are added again.")
    .action(async (options: DatastoreOptions) => {
      const { unlock } = await import("../actions/migrate.ts");
      await unlock(surroundings, options);
    });
  withExamples(withDatastoreOptions(unlocking), [["datastore migrate unlock", "after the import, or to give it up"]]);
}

function addExport(migrate: Command, surroundings: Surroundings): void {
  const command = migrate
    .command("export")
    .summary("print all of a datastore, for import")
    .description(
      "Print what the datastore holds, as calicoctl's export does: resources, the cluster, IPAM. It must be locked. For " +
        "etcd, or the embedded datastore, the file carries workload endpoints, profiles and identities besides, which " +
        "calicoctl passes over. For Kubernetes it does not, and every node bears the name that Kubernetes has for it.",
    )
    .addOption(valueOption("--to <datastore>", "where it is to go: etcd or kubernetes").default("etcd"))
    .action(async (options: ExportOptions) => {
      const { exportDatastore } = await import("../actions/migrate.ts");
      await exportDatastore(surroundings, options);
    });
  withExamples(withDatastoreOptions(command), [
    ["datastore migrate export > data", "for etcd, or the embedded datastore"],
    ["datastore migrate export --to kubernetes > data", "for calicoctl datastore migrate import"],
  ]);
}

function addImport(migrate: Command, surroundings: Surroundings): void {
  const command = migrate
    .command("import")
    .summary("write what an export holds")
    .description(
      "Write what an export holds, also calicoctl's, into a datastore in which nothing of Calico's is, or the beginning " +
        "of the same import. All of it is checked before any of it is written. The datastore is locked from then on.",
    )
    .requiredOption("-f, --filename <file>", "what export printed; - is standard input", (value) =>
      value.replace(/^=/, ""),
    )
    .action(async (options: ImportOptions) => {
      const { importDatastore } = await import("../actions/migrate.ts");
      await importDatastore(surroundings, options);
    });
  withExamples(withDatastoreOptions(command), [
    ["datastore migrate import -f data -c new.cfg", "into the datastore that new.cfg names"],
  ]);
}
