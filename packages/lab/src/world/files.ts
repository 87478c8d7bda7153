import { mkdirSync, renameSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Writes a file so that whoever reads it, also after a crash at any moment, sees the old text or the new one. */
export function writeWhole(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

/** In use: other labs' things are in it, or it is a mount (`ip netns` makes /run/netns one). */
const IN_USE: ReadonlySet<string | undefined> = new Set(["ENOTEMPTY", "EBUSY", "ENOENT"]);

/** Takes an empty directory away. */
export function removeIfEmpty(dir: string): void {
  try {
    rmdirSync(dir);
  } catch (error) {
    if (!IN_USE.has((error as NodeJS.ErrnoException).code)) throw error;
  }
}
