import { type AnyResource, ippool } from "@ocicat/api";
import type { Change, ResourceClient } from "@ocicat/client";
import { toError } from "@ocicat/kit";
import { withDatastore } from "../connect/datastore.ts";
import { located, type Manifest, readManifests } from "../input/manifests.ts";
import { DEFAULT_NAMESPACE } from "../options/shared.ts";
import type { Verb, WriteOptions } from "../options/write.ts";
import type { Surroundings } from "../surroundings.ts";
import { missingFile, successLine, tellWithoutEffect, titleOf } from "./sentences.ts";

export async function write(surroundings: Surroundings, verb: Verb, options: WriteOptions): Promise<void> {
  const { filename, namespace = DEFAULT_NAMESPACE } = options;
  if (filename === undefined) throw missingFile(verb.name);
  const manifests = await readManifests(surroundings, { ...options, filename, namespace });
  const resources = manifests.map(({ resource }) => resource);
  const { changes, findings } = await withDatastore(surroundings, options.config, async ({ client }) => {
    const skipExisting = options.skipExists === true;
    const done = await located(manifests, client.writeAll(verb.name, resources, { skipExisting }));
    return { changes: done, findings: await poolFindings(client, resources) };
  });
  for (const [index, manifest] of manifests.entries()) report(surroundings, manifest, changes[index]);
  for (const finding of findings) surroundings.tell(finding);
  const written = manifests.filter((_, index) => changes[index] !== "skipped");
  const kinds = manifests.map(({ resource }) => resource.kind);
  surroundings.print(successLine(verb.done, written.length, kinds));
}

/** What there is against pools that were written: they are stored, and packets to them would not arrive. */
async function poolFindings(client: ResourceClient, resources: readonly AnyResource[]): Promise<readonly string[]> {
  const pools = resources.filter(ippool.is);
  if (pools.length === 0) return [];
  const [{ readPlanCluster }, { objectionLine }, { poolRow }, { objectionsTo }] = await Promise.all([
    import("./plan-cluster.ts"),
    import("./pool-plan.ts"),
    import("@ocicat/agent/rows"),
    import("@ocicat/routing/plan"),
  ]);
  try {
    const cluster = await readPlanCluster({ client });
    return pools.flatMap((pool) =>
      objectionsTo(poolRow(pool), cluster).map((objection) => objectionLine(pool.metadata.name, objection)),
    );
  } catch (error) {
    // What was asked for is done.
    return [`it was written; whether it can work could not be looked at: ${toError(error).message}`];
  }
}

/** What the sentence on standard output does not say. */
function report(surroundings: Surroundings, { resource }: Manifest, change: Change | undefined): void {
  if (change === "skipped") {
    surroundings.tell(`${titleOf(resource)} is there already and was left alone`);
    return;
  }
  tellWithoutEffect(surroundings, resource);
}
