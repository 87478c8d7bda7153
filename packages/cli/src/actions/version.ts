import { readFileSync } from "node:fs";
import { OcicatError } from "@ocicat/kit";
import type { VersionOptions } from "../options/version.ts";
import type { Surroundings } from "../surroundings.ts";

export async function showVersion(surroundings: Surroundings, options: VersionOptions): Promise<void> {
  const { print } = surroundings;
  print(`Client Version:    ${ownVersion()}\n`);
  if (options.client === true) return;
  const { clusterInformation } = await import("@ocicat/api");
  const { withDatastore } = await import("../connect/datastore.ts");
  const cluster = await withDatastore(surroundings, options.config, ({ client }) =>
    client.find(clusterInformation, "default"),
  );
  if (cluster === undefined) {
    throw new OcicatError({
      code: "CLI_NO_CLUSTER",
      what: "the cluster's version is not known: there is no ClusterInformation default",
      fix: "the first agent that starts writes it",
    });
  }
  print(`Cluster Version:   ${cluster.spec.calicoVersion ?? "unknown"}\n`);
  print(`Cluster Type:      ${cluster.spec.clusterType ?? "unknown"}\n`);
  if (cluster.spec.datastoreReady !== false) return;
  const { LOCKED } = await import("../migrate/lock.ts");
  surroundings.tell(`${LOCKED}; unlock it with ${surroundings.name} datastore migrate unlock`);
}

/** Of this command. */
export function ownVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  if (typeof manifest === "object" && manifest !== null && "version" in manifest) return `v${String(manifest.version)}`;
  throw new Error("package.json has no version");
}
