import { KernelError } from "../kernel/error.ts";

/** node:fs throws errors with a negative `errno`: the same failure as a KernelError. Anything else is handed back as it is. */
export function asKernelError(operation: string, where: string, error: unknown): unknown {
  if (!(error instanceof Error) || !("errno" in error) || typeof error.errno !== "number") return error;
  return new KernelError({ operation, number: Math.abs(error.errno), where, cause: error });
}
