import {
  acknowledgement,
  MessageWriter,
  messagesIn,
  type NetlinkMessage,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_ERROR,
} from "@ocicat/netlink";
import { errnoName, errnoNumber } from "../kernel/errno.ts";
import { KernelError } from "../kernel/error.ts";
import type { NftMessage } from "../kernel/kernel.ts";
import { type RefusedMessage, TransactionError } from "../kernel/transaction-error.ts";
import type { Exchange } from "../socket/exchange.ts";

const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const NFNL_SUBSYS_NFTABLES = 10;

/** nfgenmsg: family (AF_UNSPEC), version 0, and the subsystem, big-endian. */
const BATCH_HEADER = Uint8Array.of(0, 0, 0, NFNL_SUBSYS_NFTABLES);

const FLAGS_OFFSET = 6;

/**
 * Commits one transaction:
 *
 *      +-------------+-----------+-- … --+-------------------+-----------+
 *      | BATCH_BEGIN | message 1 |       | message n, F_ACK  | BATCH_END |   one send
 *      +-------------+-----------+-- … --+-------------------+-----------+
 *
 * The acknowledgement of the last message comes only when the whole has been committed (kernels before 6.10 do not
 * acknowledge the end itself). A refusal carries the sequence number of its message, or that of BATCH_BEGIN when the commit
 * itself failed.
 */
export function commitTransaction(exchange: Exchange, messages: Uint8Array): void {
  const outline = outlineOf(messages);
  if (outline === undefined) return;
  const answers = new Map<number, RefusedMessage | undefined>();
  exchange.send(frame(messages, outline), (message) => {
    if (message.type === NLMSG_ERROR) answers.set(message.sequence, refusalIn(message));
  });
  const refused = [...answers.values()].filter((answer) => answer !== undefined);
  const [first] = refused;
  if (first !== undefined) throw refusedTransaction(first, refused, outline);
  if (!answers.has(outline.lastSequence)) {
    throw new TransactionError(
      { operation: "committing nftables", number: errnoNumber("EIO"), why: "the kernel gave no answer" },
      [],
    );
  }
}

interface Outline {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly lastOffset: number;
}

/** Undefined for no messages. Throws TruncatedError if the lengths are wrong. */
function outlineOf(messages: Uint8Array): Outline | undefined {
  let firstSequence: number | undefined;
  let lastSequence = 0;
  let lastOffset = 0;
  for (const message of messagesIn(messages)) {
    firstSequence ??= message.sequence;
    lastSequence = message.sequence;
    lastOffset = message.payload.byteOffset - messages.byteOffset - 16;
  }
  return firstSequence === undefined ? undefined : { firstSequence, lastSequence, lastOffset };
}

function frame(messages: Uint8Array, { firstSequence, lastSequence, lastOffset }: Outline): Uint8Array {
  const begin = new MessageWriter(32).begin(
    NFNL_MSG_BATCH_BEGIN,
    NLM_F_REQUEST,
    (firstSequence - 1) >>> 0,
    BATCH_HEADER,
  );
  const end = new MessageWriter(32).begin(NFNL_MSG_BATCH_END, NLM_F_REQUEST, (lastSequence + 1) >>> 0, BATCH_HEADER);
  const head = begin.finish();
  const tail = end.finish();
  const whole = new Uint8Array(head.length + messages.length + tail.length);
  whole.set(head);
  whole.set(messages, head.length);
  whole.set(tail, head.length + messages.length);
  const view = new DataView(whole.buffer);
  const flagsAt = head.length + lastOffset + FLAGS_OFFSET;
  view.setUint16(flagsAt, view.getUint16(flagsAt, true) | NLM_F_ACK, true);
  return whole;
}

function refusalIn(message: NetlinkMessage): RefusedMessage | undefined {
  const answer = acknowledgement(message);
  if (answer.number === 0) return undefined;
  const { sequence, number, message: text } = answer;
  return { sequence, errno: errnoName(number), number, message: text };
}

function refusedTransaction(first: RefusedMessage, all: readonly RefusedMessage[], outline: Outline): TransactionError {
  const ofMessages = all.filter((refused) => refused.sequence !== (outline.firstSequence - 1) >>> 0);
  const which = ofMessages.map((refused) => `${refused.sequence} (${refused.errno})`).join(", ");
  return new TransactionError(
    {
      operation: "committing nftables",
      number: first.number,
      extack: first.message,
      why: ofMessages.length === 0 ? "refused as a whole" : `refused: message ${which}; nothing was changed`,
    },
    ofMessages,
  );
}

/** A request and all that answers it. Throws KernelError. */
export function queryNft(exchange: Exchange, request: Uint8Array): NftMessage[] {
  const [message, second] = messagesIn(request);
  if (message === undefined || second !== undefined) {
    throw new KernelError({
      operation: "asking nftables",
      number: errnoNumber("EINVAL"),
      why: "give exactly one request",
    });
  }
  const build = (out: MessageWriter, flags: number, sequence: number) =>
    void out.begin(message.type, message.flags | flags, sequence, message.payload);
  const copy = ({ type, payload }: NetlinkMessage): NftMessage => ({ type, payload: payload.slice() });
  const isDump = (message.flags & NLM_F_DUMP) === NLM_F_DUMP;
  return isDump ? exchange.dump("asking nftables", build, copy) : exchange.ask("asking nftables", build, copy);
}
