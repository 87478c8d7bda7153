import { existsSync, readdirSync, rmdirSync, rmSync, statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { look, podInterfaces, removalOf, remove } from "@ocicat/agent/removal";
import { ippool } from "@ocicat/api";
import { removePlugin } from "@ocicat/cni/install";
import { OcicatError } from "@ocicat/kit";
import { openKernel } from "@ocicat/linux";
import { type Prefix, parsePrefix } from "@ocicat/net";
import { withDatastore } from "../connect/datastore.ts";
import type { UninstallOptions } from "../options/uninstall.ts";
import type { Surroundings } from "../surroundings.ts";

/** Where agents keep things on a node, besides what the plugin is. */
const FILES = ["/run/ocicat", "/var/lib/calico/nodename"];

/** Everything is looked at before anything is taken away. Throws OcicatError. */
export async function uninstall(surroundings: Surroundings, options: UninstallOptions): Promise<void> {
  const { print, places } = surroundings;
  if (await answers(places.agentSocket)) throw running(places.agentSocket);
  const kernel = openKernel();
  try {
    const pools = options.rulesOnly === true ? [] : await poolsOf(surroundings, options);
    const seen = look(kernel, pools, surroundings.env.FELIX_INTERFACEPREFIX || undefined);
    const pods = podInterfaces(seen);
    const cutsOff = options.rulesOnly !== true && options.withPods !== true;
    if (cutsOff && pods.length > 0) throw podsHere(pods.map(({ name }) => name));
    // Nobody adds a pod to what is about to go.
    const files = await removePlugin(join(options.root, options.binDir), join(options.root, options.netDir));
    const { routes, links, tables } = await remove(
      kernel,
      removalOf(seen, options.rulesOnly === true ? "rules" : "all"),
    );
    for (const path of [...files, ...removeFiles(options.root)]) print(`${path}: removed\n`);
    print(`kernel: ${routes} routes, ${links} links and ${tables} tables removed\n`);
  } finally {
    kernel.close();
  }
  if (options.stay === true) await surroundings.untilStopped();
}

function removeFiles(root: string): readonly string[] {
  return FILES.map((path) => join(root, path)).filter((path) => {
    if (!existsSync(path)) return false;
    if (statSync(path).isDirectory()) empty(path);
    else rmSync(path);
    return true;
  });
}

/** In a container the directory itself is a mount, and stays. */
function empty(directory: string): void {
  for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true });
  try {
    rmdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EBUSY") throw error;
  }
}

async function poolsOf(surroundings: Surroundings, { pool, config }: UninstallOptions): Promise<readonly Prefix[]> {
  if (pool !== undefined) return pool.map(poolFrom);
  try {
    return await withDatastore(surroundings, config, async ({ client }) =>
      (await client.list(ippool)).items.filter(ippool.is).map(({ spec }) => parsePrefix(spec.cidr)),
    );
  } catch (cause) {
    throw new OcicatError({
      code: "UNINSTALL_POOLS",
      where: "the datastore",
      what: "does not say which ranges are pools",
      why: cause instanceof Error ? cause.message : String(cause),
      fix: "name them: --pool 10.244.0.0/16; routes of other ranges may be another BIRD's",
      cause,
    });
  }
}

function poolFrom(text: string): Prefix {
  try {
    return parsePrefix(text);
  } catch (cause) {
    throw new OcicatError({
      code: "UNINSTALL_POOLS",
      where: `--pool ${text}`,
      what: "is not a network",
      fix: "write it like 10.244.0.0/16",
      cause,
    });
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
}

function running(socket: string): OcicatError {
  return new OcicatError({
    code: "UNINSTALL_RUNNING",
    where: socket,
    what: "an agent runs on this node, and would put everything back",
    fix: "stop it first: kubectl -n kube-system delete daemonset ocicat-node, or end the service that runs it",
  });
}

function podsHere(names: readonly string[]): OcicatError {
  return new OcicatError({
    code: "UNINSTALL_PODS",
    where: "this node",
    what: `${names.length} interfaces of pods are here: ${names.slice(0, 5).join(", ")}${names.length > 5 ? ", …" : ""}`,
    fix: "drain the node, or cut them off: --with-pods",
  });
}
