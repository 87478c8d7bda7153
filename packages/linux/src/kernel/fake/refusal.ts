import { type Errno, errnoNumber } from "../errno.ts";
import type { KernelFailure } from "../kernel.ts";

/** How the fake's parts say no; it becomes an outcome. Thrown before anything was changed. */
export class Refusal extends Error {
  readonly failure: KernelFailure;

  constructor(failure: KernelFailure) {
    super(`${failure.errno} ${failure.message}`);
    this.failure = failure;
  }
}

export function failure(errno: Errno, message = ""): KernelFailure {
  return { errno, number: errnoNumber(errno), message };
}

export function refuse(errno: Errno, message = ""): never {
  throw new Refusal(failure(errno, message));
}
