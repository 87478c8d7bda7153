import { MessageWriter } from "@ocicat/netlink";
import { encodeOperation } from "../netlink/encode-operation.ts";
import type { Operation } from "./operation.ts";

/** One transaction, encoded. */
export interface Batch {
  /** Without BATCH_BEGIN and BATCH_END, which belong to whoever owns the socket. Empty if there is nothing to do. */
  readonly messages: Uint8Array;
  /** The operation behind a message: sequence numbers are 1, 2, 3, …; undefined for others. */
  operationAt(sequence: number): Operation | undefined;
}

export function encodeBatch(operations: readonly Operation[]): Batch {
  const writer = new MessageWriter();
  const origins: Operation[] = [];
  for (const operation of operations) {
    encodeOperation(writer, operation, () => origins.push(operation));
  }
  return { messages: writer.finish(), operationAt: (sequence) => origins[sequence - 1] };
}
