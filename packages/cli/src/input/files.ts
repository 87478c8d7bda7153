import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { OcicatError } from "@ocicat/kit";

const MANIFEST = /\.(?:ya?ml|json)$/;

/** The files that `-f` means: itself, or those of a directory in order of name, with those below it if `recursive`. */
export function manifestFiles(path: string, recursive: boolean): readonly string[] {
  const entry = attempt(path, "MANIFEST_UNREADABLE", () => statSync(path));
  if (!entry.isDirectory()) return [path];
  const files = attempt(path, "MANIFEST_UNREADABLE", () => readdirSync(path, { recursive, withFileTypes: true }))
    .filter((found) => found.isFile() && MANIFEST.test(found.name))
    .map((found) => join(found.parentPath, found.name));
  return files.sort();
}

/** The file's text. Throws OcicatError with the code given. */
export function readText(file: string, code: string): string {
  return decodeText(
    attempt(file, code, () => readFileSync(file)),
    file,
    code,
  );
}

/** Refuses bytes that are not UTF-8: replaced by a question mark they would be stored as something nobody wrote. */
export function decodeText(bytes: Uint8Array, where: string, code: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new OcicatError({ code, where, what: "is not UTF-8 text", fix: "save it as UTF-8", cause });
  }
}

const WHAT: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "this user may not read it",
  EISDIR: "is a directory",
  ENOTDIR: "there is no such file",
};

function attempt<T>(path: string, code: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    const reason = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
    throw new OcicatError({
      code,
      where: path,
      what: WHAT[reason] ?? `cannot be read: ${reason}`,
      fix: "check the path",
      cause,
    });
  }
}
