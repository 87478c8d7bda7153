import { existsSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { PLUGIN_NAMES } from "../environment.ts";
import { ownIdentity } from "./place.ts";

/**
 * Takes away what install put on a node: networks whose plugin is ours, then the plugin under its names. What somebody else
 * has put there by the same names stays, and his network with it. Resolves to the paths that are gone.
 */
export async function removePlugin(binDir: string, netDir: string): Promise<readonly string[]> {
  const own: string[] = [];
  for (const name of PLUGIN_NAMES) {
    if ((await ownIdentity(join(binDir, name))) !== undefined) own.push(name);
  }
  const networks: string[] = [];
  for (const file of existsSync(netDir) ? (await readdir(netDir)).sort() : []) {
    const path = join(netDir, file);
    if (/\.(conf|conflist)$/.test(file) && names(await readFile(path, "utf8"), own)) networks.push(path);
  }
  // A runtime that still finds the network would look for a plugin that is gone.
  const gone = [...networks, ...own.map((name) => join(binDir, name))];
  for (const path of gone) await rm(path, { force: true });
  return gone;
}

/** Whether a network's plugin is one of these; a file that is no network is nobody's. */
function names(text: string, own: readonly string[]): boolean {
  const types = [...text.matchAll(/"type"\s*:\s*"([^"]+)"/g)].map(([, type = ""]) => type);
  return types.some((type) => own.includes(type));
}
