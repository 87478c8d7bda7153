import { acknowledgement, MessageWriter, messagesIn, NLM_F_ACK, NLM_F_REQUEST, NLMSG_ERROR } from "@ocicat/netlink";
import { errnoName, errnoNumber } from "../kernel/errno.ts";
import type { KernelOutcome } from "../kernel/kernel.ts";
import { encodeDeleteGroup, encodeDeleteLink, encodeSetLink } from "../rtnetlink/link.ts";
import type { NetlinkSocket } from "../socket/netlink-socket.ts";

interface Waiting {
  readonly index: number;
  readonly answer: (outcome: KernelOutcome) => void;
  readonly fail: (error: unknown) => void;
}

/** Where our groups begin: far from the small numbers that people give theirs by hand. */
const FIRST_GROUP = 0x0ca1_0000;
const GROUPS = 0x1_0000;

/**
 * Deletes links on a thread, one request at a time. Whoever comes while one is under way waits for the next, and all who
 * wait go in one request: each link is put into a group of its own making, and the group is deleted.
 *
 * Letting go of a veth pair is mostly waiting (for every reader that may still see it), 25 ms and more, once for however
 * many links a request deletes.
 */
export class LinkDeletion {
  readonly #socket: NetlinkSocket;
  #waiting: Waiting[] = [];
  #running = false;
  #sequence = 0;
  #groups = 0;

  /** The socket is this object's alone. */
  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  delete(index: number): Promise<KernelOutcome> {
    return new Promise((answer, fail) => {
      this.#waiting.push({ index, answer, fail });
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.#deleteAll(batch);
      } catch (error) {
        for (const { fail } of batch) fail(error);
      }
    }
    this.#running = false;
  }

  async #deleteAll(batch: readonly Waiting[]): Promise<void> {
    const [only, ...others] = batch;
    if (only === undefined) return;
    if (others.length === 0) {
      only.answer(await this.#request((out, sequence) => encodeDeleteLink(out, FLAGS, sequence, only.index)));
      return;
    }
    const group = FIRST_GROUP + (this.#groups++ % GROUPS);
    const grouped: Waiting[] = [];
    for (const entry of batch) {
      const outcome = this.#setGroup(entry.index, group);
      if (outcome === undefined) grouped.push(entry);
      else entry.answer(outcome);
    }
    if (grouped.length === 0) return;
    const outcome = await this.#request((out, sequence) => encodeDeleteGroup(out, FLAGS, sequence, group));
    for (const { answer } of grouped) answer(outcome);
  }

  #setGroup(index: number, group: number): KernelOutcome {
    const sequence = this.#nextSequence();
    const out = new MessageWriter(64);
    encodeSetLink(out, FLAGS, sequence, index, { group });
    this.#socket.send(out.finish());
    return this.#outcome(sequence);
  }

  async #request(encode: (out: MessageWriter, sequence: number) => void): Promise<KernelOutcome> {
    const sequence = this.#nextSequence();
    const out = new MessageWriter(64);
    encode(out, sequence);
    await this.#socket.sendOnThread(out.finish());
    return this.#outcome(sequence);
  }

  #outcome(sequence: number): KernelOutcome {
    let outcome: KernelOutcome = { errno: "EIO", number: errnoNumber("EIO"), message: "the kernel gave no answer" };
    for (let datagram = this.#socket.receive(); datagram !== undefined; datagram = this.#socket.receive()) {
      for (const message of messagesIn(datagram)) {
        if (message.type !== NLMSG_ERROR || message.sequence !== sequence) continue;
        const { number, message: text } = acknowledgement(message);
        outcome = number === 0 ? undefined : { errno: errnoName(number), number, message: text };
      }
    }
    return outcome;
  }

  #nextSequence(): number {
    this.#sequence = (this.#sequence + 1) >>> 0 || 1;
    return this.#sequence;
  }
}

const FLAGS = NLM_F_REQUEST | NLM_F_ACK;
