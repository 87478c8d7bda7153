import { readFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { OcicatError } from "@ocicat/kit";

/** Compiled beside this module, or, when this module runs as TypeScript, the source. */
export const SCRIPT_SOURCE = fileURLToPath(new URL(`../thin/client${extname(import.meta.url)}`, import.meta.url));

/** The kernel reads 256 bytes of a script's first line (BINPRM_BUF_SIZE), and ends the interpreter's path at white space. */
const MAX_INTERPRETER = 250;

/** The Node client as a script: the interpreter in its first line, the socket and the identity filled in. */
export async function renderScript(interpreter: string, socket: string, identity: string): Promise<string> {
  if (!/^\/\S+$/.test(interpreter) || Buffer.byteLength(interpreter) > MAX_INTERPRETER) {
    throw new OcicatError({
      code: "CNI_INSTALL_INTERPRETER",
      where: interpreter,
      what: "cannot stand in a script's first line",
      why: `it takes an absolute path without white space of at most ${MAX_INTERPRETER} bytes`,
      fix: "install a C compiler, or Node under another path",
    });
  }
  const source = await readFile(SCRIPT_SOURCE, "utf8");
  const script = SCRIPT_SOURCE.endsWith(".ts") ? stripTypeScriptTypes(source) : source;
  return `#!${interpreter}\n${script}`
    .replace(/^export \{\};$/m, "")
    .replace(/^\/\/# sourceMappingURL=.*$/m, "")
    .replace("@OCICAT_SOCKET@", socket)
    .replace("@OCICAT_IDENTITY@", identity);
}
