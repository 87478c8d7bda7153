import { OcicatError } from "@ocicat/kit";

/** How a cluster is reached is not said, or said wrongly. `where`: the file and field, or the variable. */
export function configError(where: string, what: string, fix: string, cause?: unknown): OcicatError {
  return new OcicatError({ code: "KUBERNETES_CONFIG", where, what, fix, ...(cause === undefined ? {} : { cause }) });
}
