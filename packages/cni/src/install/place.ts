import { randomBytes } from "node:crypto";
import { link, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { OcicatError } from "@ocicat/kit";

/** Every file that Ocicat installs holds this, with the digest of what it was made from. */
const MARK = /ocicat-cni \S+ build [0-9a-f]{16}/;

export type Occupant = "absent" | "current" | "older" | "foreign";

/** What stands at `path` now, for an installer that wants `identity` there. */
export async function occupant(path: string, identity: string): Promise<Occupant> {
  const info = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (info === undefined) return "absent";
  if (!info.isFile()) return "foreign";
  const content = await readFile(path, "latin1");
  if (content.includes(identity) && (info.mode & 0o777) === 0o755) return "current";
  return MARK.test(content) ? "older" : "foreign";
}

/** What a file of ours says it is; undefined for any other, and for none. */
export async function ownIdentity(path: string): Promise<string | undefined> {
  const content = await readFile(path, "latin1").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  return MARK.exec(content)?.[0];
}

export function foreignFile(path: string): OcicatError {
  return new OcicatError({
    code: "CNI_INSTALL_FOREIGN",
    where: path,
    what: "is there and was not installed by Ocicat",
    fix: "move it away, leave its name out of `names`, or allow it to be replaced with `replaceForeign`",
  });
}

/** A name beside the target that nobody uses, so that the final rename stays in one file system. */
export function temporaryBeside(directory: string): string {
  return join(directory, `.ocicat-${randomBytes(6).toString("hex")}`);
}

/** Puts a hard link to `file` at `path` in one step: a runtime sees the old file or the new one, each whole. */
export async function placeLink(file: string, directory: string, path: string): Promise<void> {
  const temporary = temporaryBeside(directory);
  try {
    await link(file, temporary);
    await rename(temporary, path);
  } finally {
    // rename(2) does nothing, and says success, when both names are the same file already.
    await rm(temporary, { force: true });
  }
}
