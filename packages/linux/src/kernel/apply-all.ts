import { describeOperation } from "./describe.ts";
import { KernelError } from "./error.ts";
import type { Kernel, KernelFailure, KernelOperation } from "./kernel.ts";

/** A refusal as an error, with the operation in its message. */
export function errorOf(operation: KernelOperation, failure: KernelFailure): KernelError {
  return new KernelError({
    operation: describeOperation(operation),
    number: failure.number,
    extack: failure.message,
  });
}

/** For what must succeed whole: applies all, and throws KernelError of the first that was refused. The others stay done. */
export function applyAll(kernel: Kernel, operations: readonly KernelOperation[]): void {
  for (const [index, outcome] of kernel.apply(operations).entries()) {
    const operation = operations[index];
    if (outcome !== undefined && operation !== undefined) throw errorOf(operation, outcome);
  }
}
