import { acknowledgement, MessageWriter, NLM_F_ACK, NLM_F_REQUEST, NLMSG_ERROR } from "@ocicat/netlink";
import { errnoName, errnoNumber } from "../kernel/errno.ts";
import { KernelError } from "../kernel/error.ts";
import type { KernelFailure, KernelOutcome } from "../kernel/kernel.ts";
import type { Exchange } from "./exchange.ts";

/**
 * Messages in one send. 200 cost the least per message (measured), and hold their refusals, some 1.3 KiB each in the
 * kernel's accounting, far below the receive buffer.
 */
const BATCH_MESSAGES = 200;

/** How requests of a kind are put to the kernel. */
export interface RequestKind<T> {
  /** What is being done, for an error: "writing to rtnetlink". */
  readonly doing: string;
  /** Why it is not to be sent at all; undefined if nothing speaks against it. */
  readonly objection: (request: T) => string | undefined;
  /** Appends its one message. `flags` are added to the request's own. */
  readonly encode: (out: MessageWriter, flags: number, sequence: number, request: T) => void;
}

/**
 * Sends requests, many at a time. Only the last message of a batch asks for an acknowledgement: a refusal is answered
 * anyway, and by its sequence number belongs to its request; when the last one is answered all before it are done. That
 * is 2.7 times faster than acknowledging each. Outcome i belongs to request i.
 */
export function sendRequests<T>(exchange: Exchange, requests: readonly T[], kind: RequestKind<T>): KernelOutcome[] {
  const outcomes: KernelOutcome[] = requests.map((request) => refusalBeforeSending(kind.objection(request)));
  const sendable = requests.flatMap((_, index) => (outcomes[index] === undefined ? [index] : []));
  for (let start = 0; start < sendable.length; start += BATCH_MESSAGES) {
    sendBatch(exchange, requests, sendable.slice(start, start + BATCH_MESSAGES), kind, outcomes);
  }
  return outcomes;
}

function refusalBeforeSending(message: string | undefined): KernelFailure | undefined {
  return message === undefined ? undefined : { errno: "EINVAL", number: errnoNumber("EINVAL"), message };
}

function sendBatch<T>(
  exchange: Exchange,
  requests: readonly T[],
  batch: readonly number[],
  { encode, doing }: RequestKind<T>,
  outcomes: KernelOutcome[],
): void {
  const out = new MessageWriter(batch.length * 96);
  const bySequence = new Map<number, number>();
  const lastIndex = batch.at(-1);
  let lastSequence = 0;
  for (const index of batch) {
    const request = requests[index];
    if (request === undefined) continue;
    lastSequence = exchange.nextSequence();
    bySequence.set(lastSequence, index);
    encode(out, NLM_F_REQUEST | (index === lastIndex ? NLM_F_ACK : 0), lastSequence, request);
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
    operation: doing,
    number: errnoNumber("EIO"),
    why: `the last of ${batch.length} messages was not answered: what became of them is not known`,
    fix: "read the tables again and write what still differs",
  });
}
