import { KernelError, type KernelErrorDetails } from "./error.ts";
import type { KernelFailure } from "./kernel.ts";

/** A refused message of a transaction, by its sequence number. */
export interface RefusedMessage extends KernelFailure {
  readonly sequence: number;
}

/** A transaction that was refused whole. */
export class TransactionError extends KernelError {
  /** The messages that were refused, in order. Empty: the transaction as such was. */
  readonly refused: readonly RefusedMessage[];

  constructor(details: KernelErrorDetails, refused: readonly RefusedMessage[]) {
    super(details);
    this.refused = refused;
  }
}
