import { acknowledgement, MessageWriter, NLM_F_ACK, NLM_F_REQUEST, NLMSG_ERROR } from "@ocicat/netlink";
import { errnoName, errnoNumber } from "../kernel/errno.ts";
import { KernelError } from "../kernel/error.ts";
import type { KernelFailure, KernelOperation, KernelOutcome } from "../kernel/kernel.ts";
import { objectionTo } from "../kernel/validate.ts";
import { encodeOperation } from "../rtnetlink/operation.ts";
import type { Exchange } from "../socket/exchange.ts";

/**
 * Messages in one send. 200 cost the least per message (measured), and hold their refusals, some 1.3 KiB each in the
 * kernel's accounting, far below the receive buffer.
 */
const BATCH_MESSAGES = 200;

/**
 * Sends operations, many at a time. Only the last message of a batch asks for an acknowledgement: a refusal is answered
 * anyway, and by its sequence number belongs to its operation; when the last one is answered all before it are done. That
 * is 2.7 times faster than acknowledging each.
 */
export function applyOperations(exchange: Exchange, operations: readonly KernelOperation[]): KernelOutcome[] {
  const outcomes: KernelOutcome[] = operations.map(refusalBeforeSending);
  const sendable = operations.flatMap((_, index) => (outcomes[index] === undefined ? [index] : []));
  for (let start = 0; start < sendable.length; start += BATCH_MESSAGES) {
    sendBatch(exchange, operations, sendable.slice(start, start + BATCH_MESSAGES), outcomes);
  }
  return outcomes;
}

function refusalBeforeSending(operation: KernelOperation): KernelFailure | undefined {
  const message = objectionTo(operation);
  return message === undefined ? undefined : { errno: "EINVAL", number: errnoNumber("EINVAL"), message };
}

function sendBatch(
  exchange: Exchange,
  operations: readonly KernelOperation[],
  batch: readonly number[],
  outcomes: KernelOutcome[],
): void {
  const out = new MessageWriter(batch.length * 96);
  const bySequence = new Map<number, number>();
  const lastIndex = batch.at(-1);
  let lastSequence = 0;
  for (const index of batch) {
    const operation = operations[index];
    if (operation === undefined) continue;
    lastSequence = exchange.nextSequence();
    bySequence.set(lastSequence, index);
    encodeOperation(out, NLM_F_REQUEST | (index === lastIndex ? NLM_F_ACK : 0), lastSequence, operation);
  }
  let finished = false;
  exchange.send(out.finish(), (message) => {
    const index = bySequence.get(message.sequence);
    if (message.type !== NLMSG_ERROR || index === undefined) return;
    const answer = acknowledgement(message);
    if (answer.number !== 0) {
      outcomes[index] = { errno: errnoName(answer.number), number: answer.number, message: answer.message };
    }
    finished ||= message.sequence === lastSequence;
  });
  if (finished) return;
  throw new KernelError({
    operation: "writing to rtnetlink",
    number: errnoNumber("EIO"),
    why: `the last of ${batch.length} messages was not answered: what became of them is not known`,
    fix: "read the tables again and write what still differs",
  });
}
