import { errnoNumber } from "../kernel/errno.ts";
import { KernelError } from "../kernel/error.ts";

/** What runs later: a promise, or a generator, whose body has not run when the function returns it. */
type Later = PromiseLike<unknown> | Generator | AsyncGenerator;

/** A function of no arguments whose result is there when it returns; for any other this type is `never`. */
export type SynchronousFunction<T> = (() => T) & ([Extract<T, Later>] extends [never] ? unknown : never);

/**
 * Throws KernelError if `result` says that some of the work is still to come. The compiler already refuses most of it.
 * A promise that is dropped so is not reported as unhandled besides.
 */
export function refuseLater(operation: string, result: unknown): void {
  if (!isLater(result)) return;
  if (isThenable(result)) void Promise.resolve(result).catch(() => {});
  throw new KernelError({
    operation,
    number: errnoNumber("EINVAL"),
    code: "NAMESPACE_ASYNC",
    why: "the function returned a promise or generator: what follows would run in the caller's own namespace",
    fix: "open sockets and files synchronously inside, and use them outside: they stay in the namespace they were opened in",
  });
}

function isLater(value: unknown): boolean {
  if (isThenable(value)) return true;
  return typeof value === "object" && value !== null && GENERATORS.has(Object.prototype.toString.call(value));
}

const GENERATORS: ReadonlySet<string> = new Set(["[object Generator]", "[object AsyncGenerator]"]);

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    (typeof value === "object" || typeof value === "function") &&
    value !== null &&
    "then" in value &&
    typeof value.then === "function"
  );
}
