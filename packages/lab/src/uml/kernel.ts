import { existsSync, realpathSync } from "node:fs";
import { OcicatError } from "@ocicat/kit";

/** Where tools/uml/build.sh puts what it builds. */
const BUILT = "/var/cache/ocicat/linux.uml";

/**
 * The user-mode kernel to boot: the one that OCICAT_UML_KERNEL names, else the one that was built on this machine. Debian's
 * own (package user-mode-linux) does not do: its nf_tables has no family inet, in which the agent's rules are. Throws
 * OcicatError LAB_NO_UML.
 */
export function findUmlKernel(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const kernel = env["OCICAT_UML_KERNEL"] || BUILT;
  if (existsSync(kernel)) return realpathSync(kernel);
  throw new OcicatError({
    code: "LAB_NO_UML",
    where: kernel,
    what: "there is no user-mode kernel",
    fix: "build it, once, in some minutes: npm run setup (on Debian, as root)",
  });
}
