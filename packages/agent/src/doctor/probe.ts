import type { Answer } from "@ocicat/doctor";
import type { Clock, Random, Timer } from "@ocicat/kit";
import { KernelError, openProbeSocket, type ProbeSocket } from "@ocicat/linux";
import { type Address, familyOf } from "@ocicat/net";
import {
  answerToFirst,
  ECHO_HEADER,
  echoRequest,
  firstSegment,
  IP_HEADER,
  isEchoReply,
  PROTOCOL,
} from "./probe-packets.ts";

/** When a question is asked, in milliseconds: one packet may be lost; and how long an answer may take after the last. */
interface Pace {
  readonly tries: readonly number[];
  readonly patienceMs: number;
}

const CAREFUL: Pace = { tries: [0, 200, 450], patienceMs: 350 };
/** For one of many questions, to a peer that is known to answer. */
const BRISK: Pace = { tries: [0, 100], patienceMs: 150 };
/** What connections of ours come from: below the kernel's own choice, so that no answer is taken for one to another. */
const PORTS = { first: 20_000, count: 10_000 } as const;

export interface ProbeTools {
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * One ICMP echo of so many bytes, IP header and all, with the bit against fragments. Without `bytes` as small as it gets.
 */
export function probeEcho(
  { clock, random }: ProbeTools,
  source: Address,
  peer: Address,
  bytes: number = 0,
  pace: "careful" | "brisk" = "careful",
): Promise<Answer> {
  const family = familyOf(source);
  const identifier = random.uint32() & 0xffff;
  const data = Math.max(0, bytes - IP_HEADER[family] - ECHO_HEADER);
  return ask({
    clock,
    pace: pace === "brisk" ? BRISK : CAREFUL,
    open: (handlers) => openProbeSocket({ family, protocol: PROTOCOL.icmp[family], source, peer, ...handlers }),
    question: (attempt) => echoRequest(family, identifier, attempt, data),
    understand: (packet) => (isEchoReply(family, packet, identifier) ? { came: "answer" } : undefined),
  });
}

/**
 * The first segment of a TCP connection and what comes back. The connection is never made (the kernel, which knows nothing
 * of it, takes the answer back with a reset), so that a BGP speaker does not see it: a second connection from a peer would
 * tell it that the peer has started anew (RFC 4724 §5), and end the session that it has.
 */
export function probePort(
  { clock, random }: ProbeTools,
  source: Address,
  peer: Address,
  port: number,
): Promise<Answer> {
  const sourcePort = PORTS.first + (random.uint32() % PORTS.count);
  const sequence = random.uint32();
  return ask({
    clock,
    pace: CAREFUL,
    open: (handlers) =>
      openProbeSocket({ family: familyOf(source), protocol: PROTOCOL.tcp, source, peer, ...handlers }),
    question: () => firstSegment(source, peer, sourcePort, port, sequence),
    understand(packet) {
      const answer = answerToFirst(packet, sourcePort, port, sequence);
      return answer === undefined ? undefined : { came: answer === "open" ? "answer" : "reset" };
    },
  });
}

interface Question {
  readonly clock: Clock;
  readonly pace: Pace;
  readonly open: (handlers: {
    readonly onPacket: (bytes: Uint8Array) => void;
    readonly onRefusal: (errno: string) => void;
  }) => ProbeSocket;
  readonly question: (attempt: number) => Uint8Array;
  readonly understand: (packet: Uint8Array) => Answer | undefined;
}

/** Asks up to three times. A refusal counts once nothing better has come: another router may have spoken for the first. */
function ask({ clock, pace, open, question, understand }: Question): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let refused: Answer | undefined;
    const timers: Timer[] = [];
    let socket: ProbeSocket | undefined;
    const finish = (answer: Answer) => {
      for (const timer of timers) timer.cancel();
      socket?.close();
      resolve(answer);
    };
    const refuse = (errno: string) => {
      refused = { came: "refusal", errno };
    };
    const send = (attempt: number) => {
      try {
        socket?.send(question(attempt));
      } catch (error) {
        if (error instanceof KernelError) refuse(error.errno);
        else throw error;
      }
    };
    try {
      socket = open({
        onPacket(bytes) {
          const answer = understand(bytes);
          if (answer !== undefined) finish(answer);
        },
        onRefusal: refuse,
      });
    } catch (error) {
      if (error instanceof KernelError) resolve({ came: "refusal", errno: error.errno });
      else reject(error);
      return;
    }
    for (const [attempt, after] of pace.tries.entries()) {
      timers.push(
        clock.after(after, "probe", () => {
          // Told twice by whoever is in the way: a third time it will not be otherwise.
          if (attempt > 1 && refused !== undefined) finish(refused);
          else send(attempt);
        }),
      );
    }
    const last = pace.tries.at(-1) ?? 0;
    timers.push(clock.after(last + pace.patienceMs, "probe", () => finish(refused ?? { came: "nothing" })));
  });
}
