import koffi from "koffi";
import { KernelError } from "../kernel/error.ts";

/** The C library that this process already has (glibc or musl); no file is searched for. */
export const library = koffi.load(null);

/** What a caller can say about a system call beyond its errno. */
export interface CallContext {
  readonly where?: string | undefined;
  readonly why?: string | undefined;
  readonly fix?: string | undefined;
}

/**
 * errno of the last call made through koffi on this thread. Valid only directly after it, and not quite always then: what the
 * engine does between the two (a collection, say) may leave an errno of its own. Who waits for one errno and gets a strange
 * one asks again (see STRANGE_ERRNOS).
 */
export function lastErrno(): number {
  return koffi.errno();
}

/** So often a receive that ends in an errno it cannot have is repeated: a call that failed has done nothing. */
export const STRANGE_ERRNOS = 3;

/** Turns libc's -1 into a KernelError with errno's name; hands any other result on. */
export function check(operation: string, result: number, context: CallContext = {}): number {
  if (result !== -1) return result;
  throw new KernelError({ operation, number: lastErrno(), ...context });
}
