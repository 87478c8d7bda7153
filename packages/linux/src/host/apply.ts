import type { KernelOperation, KernelOutcome } from "../kernel/kernel.ts";
import { objectionTo } from "../kernel/validate.ts";
import { encodeOperation } from "../rtnetlink/operation.ts";
import { type RequestKind, sendRequests } from "../socket/batch.ts";
import type { Exchange } from "../socket/exchange.ts";

const OPERATION: RequestKind<KernelOperation> = {
  doing: "writing to rtnetlink",
  objection: objectionTo,
  encode: encodeOperation,
};

export function applyOperations(exchange: Exchange, operations: readonly KernelOperation[]): KernelOutcome[] {
  return sendRequests(exchange, operations, OPERATION);
}
