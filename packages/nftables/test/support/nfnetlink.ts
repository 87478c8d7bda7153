import {
  acknowledgement,
  messagesIn,
  type NetlinkMessage,
  NLM_F_MULTI,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
} from "@ocicat/netlink";
import type { NftKernel } from "@ocicat/nftables";
import { bind, close, receive, SystemError, send, setOption, socket } from "./libc.ts";
import type { Namespace } from "./namespace.ts";

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_NETFILTER = 12;
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const SUBSYSTEM_NFTABLES = 10;
const NLM_F_ACK = 4;
const NLM_F_DUMP = 0x300;
/** Of the batch's end: far from the messages' own. */
const END_SEQUENCE = 0x7fff_ffff;

/** The kernel's refusal of a batch, as @ocicat/linux reports one. */
export class RefusedError extends SystemError {
  readonly refused: readonly { readonly sequence: number; readonly number: number; readonly message: string }[];

  constructor(refused: RefusedError["refused"]) {
    super("nfnetlink", refused[0]?.number ?? 0, refused[0]?.message);
    this.refused = refused;
  }
}

/** A minimal nfnetlink socket: what @ocicat/linux does for the agent, and a count of what was sent. */
export class NfnetlinkSocket implements NftKernel, Disposable {
  readonly #fd: number;
  commits = 0;
  queries = 0;

  constructor(namespace: Namespace) {
    this.#fd = namespace.within(() => socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER));
    bind(this.#fd, Uint8Array.of(AF_NETLINK, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
    const SOL_SOCKET = 1;
    const SO_SNDBUFFORCE = 32;
    const SO_RCVBUFFORCE = 33;
    const SOL_NETLINK = 270;
    const NETLINK_EXT_ACK = 11;
    setOption(this.#fd, SOL_SOCKET, SO_SNDBUFFORCE, u32(8 << 20));
    setOption(this.#fd, SOL_SOCKET, SO_RCVBUFFORCE, u32(8 << 20));
    setOption(this.#fd, SOL_NETLINK, NETLINK_EXT_ACK, u32(1));
  }

  nftCommit(batch: Uint8Array): void {
    this.commits += 1;
    if (batch.length === 0) return;
    const begin = boundary(NFNL_MSG_BATCH_BEGIN, 0);
    const end = boundary(NFNL_MSG_BATCH_END, END_SEQUENCE);
    send(this.#fd, Buffer.concat([begin, acknowledged(batch), end]));
    const refused: { sequence: number; number: number; message: string }[] = [];
    let accepted = false;
    for (const message of this.#answers()) {
      if (message.type !== NLMSG_ERROR) continue;
      const { sequence, number, message: text } = acknowledgement(message);
      if (number !== 0) refused.push({ sequence, number, message: text });
      else accepted = true;
    }
    if (!accepted || refused.length > 0) throw new RefusedError(refused);
  }

  nftQuery(request: Uint8Array): { type: number; payload: Uint8Array }[] {
    this.queries += 1;
    const view = new DataView(request.buffer, request.byteOffset);
    const dump = (view.getUint16(6, true) & NLM_F_DUMP) === NLM_F_DUMP;
    send(this.#fd, request);
    const answers: { type: number; payload: Uint8Array }[] = [];
    for (const message of this.#answers()) {
      if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) {
        const { number, message: text } = acknowledgement(message);
        if (number !== 0) throw new SystemError("nfnetlink", number, text);
        if (message.type === NLMSG_ERROR || dump) return answers;
      } else {
        expectMulti(dump, message.flags);
        answers.push({ type: message.type, payload: message.payload });
      }
    }
    throw new Error("the kernel's answer has no end");
  }

  /** The kernel works while it is being written to: what it has to say is there when the write returns. */
  *#answers(): IterableIterator<NetlinkMessage> {
    for (;;) {
      const received = receive(this.#fd, false);
      if (received === undefined) return;
      yield* messagesIn(received.data);
    }
  }

  [Symbol.dispose](): void {
    close(this.#fd);
  }
}

/** The last message asks to be acknowledged: that says that the whole was committed, also by kernels before 6.10. */
function acknowledged(batch: Uint8Array): Uint8Array {
  const copy = batch.slice();
  let last: Uint8Array | undefined;
  for (const { payload } of messagesIn(copy)) last = payload;
  if (last === undefined) return copy;
  const flags = new DataView(copy.buffer, last.byteOffset - 10);
  flags.setUint16(0, flags.getUint16(0, true) | NLM_F_ACK, true);
  return copy;
}

function boundary(type: number, sequence: number): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(20));
  bytes.setUint32(0, 20, true);
  bytes.setUint16(4, type, true);
  bytes.setUint16(6, NLM_F_REQUEST, true);
  bytes.setUint32(8, sequence, true);
  bytes.setUint16(18, SUBSYSTEM_NFTABLES);
  return new Uint8Array(bytes.buffer);
}

function expectMulti(dump: boolean, flags: number): void {
  if (dump !== ((flags & NLM_F_MULTI) !== 0)) throw new Error("an answer that does not belong to the request");
}

function u32(value: number): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(4));
  bytes.setUint32(0, value, true);
  return new Uint8Array(bytes.buffer);
}
