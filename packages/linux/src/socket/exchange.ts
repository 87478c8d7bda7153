import {
  type Acknowledgement,
  acknowledgement,
  MessageWriter,
  messagesIn,
  type NetlinkMessage,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
} from "@ocicat/netlink";
import { errnoNumber } from "../kernel/errno.ts";
import { KernelError } from "../kernel/error.ts";
import type { NetlinkSocket } from "./netlink-socket.ts";

/** A dump that changes under the reader each time is given up after this many. */
const DUMP_ATTEMPTS = 20;

/** Builds one request with the flags and sequence number it is given. */
export type BuildRequest = (out: MessageWriter, flags: number, sequence: number) => void;

/** Reads one answer; undefined leaves it out. What it keeps must be a copy: the payload is a view. */
export type ReadAnswer<T> = (message: NetlinkMessage) => T | undefined;

/** What is needed of a socket. */
export type Datagrams = Pick<NetlinkSocket, "send" | "receive">;

/** Requests and their answers on one socket, one after the other. */
export class Exchange {
  readonly #socket: Datagrams;
  #sequence = 0;

  constructor(socket: Datagrams) {
    this.#socket = socket;
  }

  /** Never 0, which is the sequence of notifications. */
  nextSequence(): number {
    this.#sequence = (this.#sequence + 1) >>> 0 || 1;
    return this.#sequence;
  }

  /**
   * Everything of a kind. When the kernel's tables change meanwhile it says so (NLM_F_DUMP_INTR) and the dump is taken
   * again. Throws KernelError: the kernel's refusal, or EINTR when no dump stayed whole.
   */
  dump<T>(operation: string, build: BuildRequest, read: ReadAnswer<T>): T[] {
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
      const answers = this.#ask(operation, NLM_F_DUMP, build, read);
      if (!answers.interrupted) return answers.results;
    }
    throw new KernelError({
      operation,
      number: errnoNumber("EINTR"),
      why: `the tables changed under each of ${DUMP_ATTEMPTS} dumps`,
    });
  }

  /** What answers a request for one thing. Throws KernelError. */
  ask<T>(operation: string, build: BuildRequest, read: ReadAnswer<T>): T[] {
    return this.#ask(operation, NLM_F_ACK, build, read).results;
  }

  /** Sends what is built and hands every message that comes back to `onMessage`, until nothing is waiting. */
  send(bytes: Uint8Array, onMessage: (message: NetlinkMessage) => void): void {
    this.#socket.send(bytes);
    for (let datagram = this.#socket.receive(); datagram !== undefined; datagram = this.#socket.receive()) {
      for (const message of messagesIn(datagram)) onMessage(message);
    }
  }

  /** All that waits is read even if a message cannot be: the next request must not meet this one's answers. */
  #ask<T>(operation: string, flags: number, build: BuildRequest, read: ReadAnswer<T>): Answers<T> {
    const sequence = this.nextSequence();
    const out = new MessageWriter(256);
    build(out, NLM_F_REQUEST | flags, sequence);
    const results: T[] = [];
    const unreadable: unknown[] = [];
    let interrupted = false;
    let end: Acknowledgement | undefined;
    this.send(out.finish(), (message) => {
      if (message.sequence !== sequence) return;
      interrupted ||= (message.flags & NLM_F_DUMP_INTR) !== 0;
      try {
        if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) end = acknowledgement(message);
        else addDefined(results, read(message));
      } catch (error) {
        unreadable.push(error);
      }
    });
    if (unreadable.length > 0) throw unreadable[0];
    refuseFailure(operation, end);
    return { results, interrupted };
  }
}

interface Answers<T> {
  readonly results: T[];
  readonly interrupted: boolean;
}

function addDefined<T>(results: T[], result: T | undefined): void {
  if (result !== undefined) results.push(result);
}

/** Throws if the request failed, or was not answered to the end. */
export function refuseFailure(operation: string, end: Acknowledgement | undefined): void {
  if (end === undefined)
    throw new KernelError({ operation, number: errnoNumber("EIO"), why: "the kernel gave no answer" });
  if (end.number !== 0) throw new KernelError({ operation, number: end.number, extack: end.message });
}
