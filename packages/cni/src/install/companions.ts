import { copyFile, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { placeLink, temporaryBeside } from "./place.ts";

/**
 * Puts other people's plugins that a network's list names (portmap, bandwidth, loopback) beside ours, where they are not yet:
 * what a node has is left as it is. Resolves to the names of those that were missing.
 */
export async function installCompanions(sourceDir: string, targetDir: string): Promise<readonly string[]> {
  const names = await readdir(sourceDir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const missing: string[] = [];
  for (const name of names.sort()) {
    const target = join(targetDir, name);
    const present = await stat(target).then(
      () => true,
      () => false,
    );
    if (present) continue;
    const copy = temporaryBeside(targetDir);
    try {
      await copyFile(join(sourceDir, name), copy);
      await placeLink(copy, targetDir, target);
    } finally {
      await rm(copy, { force: true });
    }
    missing.push(name);
  }
  return missing;
}
