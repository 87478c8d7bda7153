import { fileURLToPath } from "node:url";
import { eventually, type TestLab } from "./lab.ts";

const PEER = fileURLToPath(new URL("packet-stream-peer.js", import.meta.url));
/** What may still be on its way when a stream is stopped, microseconds. */
const UNDER_WAY_US = 250_000;

export interface StreamReport {
  readonly sent: number;
  readonly received: number;
  /** Numbers that were sent and never came; those sent last may be on their way, and are left out. */
  readonly missing: readonly number[];
  /** Of the packets that came: when each was sent and when it arrived, microseconds of the machine's monotonic clock. */
  readonly arrivals: readonly { readonly number: number; readonly sentUs: number; readonly arrivedUs: number }[];
}

/** The clock of the streams' reports. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** Numbered packets from one pod to another, a thousand a second unless told, until it is stopped. */
export class PacketStream {
  readonly #sender: ReturnType<TestLab["start"]>;
  readonly #receiver: ReturnType<TestLab["start"]>;
  readonly #flowing: Promise<void>;

  private constructor(
    sender: ReturnType<TestLab["start"]>,
    receiver: ReturnType<TestLab["start"]>,
    flowing: Promise<void>,
  ) {
    this.#sender = sender;
    this.#receiver = receiver;
    this.#flowing = flowing;
    this.#flowing.catch(() => undefined);
  }

  /** Packets are being sent when this resolves; whether they come is the test's question. */
  static async open(
    lab: TestLab,
    { from, to, port, address = lab.address(to), protocol = "udp", periodMs = 1 }: StreamOptions,
  ): Promise<PacketStream> {
    const run = (where: string, ...args: string[]) => lab.start(where, process.execPath, PEER, protocol, ...args);
    const receiver = run(to, "receive", String(port));
    const heard = listen(receiver);
    await heard("listening");
    const sender = run(from, "send", String(port), address, String(periodMs));
    await listen(sender)("sending");
    return new PacketStream(sender, receiver, heard("flowing"));
  }

  /** Resolves when the first has come. */
  flowing(): Promise<void> {
    return this.#flowing;
  }

  async stop(): Promise<StreamReport> {
    this.#sender.child.kill("SIGINT");
    const { sent } = lastLine<{ sent: (number | null)[] }>((await this.#sender.ended).stdout);
    this.#receiver.child.kill("SIGINT");
    const { received } = lastLine<{ received: [number, number][] }>((await this.#receiver.ended).stdout);
    const came = new Map(received);
    const last = (sent.at(-1) ?? 0) - UNDER_WAY_US;
    return {
      sent: sent.filter((at) => at !== null).length,
      received: came.size,
      missing: sent.flatMap((at, number) => (at !== null && at < last && !came.has(number) ? [number] : [])),
      arrivals: [...came].map(([number, arrivedUs]) => ({ number, sentUs: sent[number] ?? 0, arrivedUs })),
    };
  }

  /** Whatever became of it. */
  kill(): void {
    this.#sender.child.kill("SIGKILL");
    this.#receiver.child.kill("SIGKILL");
  }
}

export interface StreamOptions {
  readonly from: string;
  readonly to: string;
  readonly port: number;
  /** Of the receiver, where it is no pod. */
  readonly address?: string;
  readonly protocol?: "udp" | "tcp";
  readonly periodMs?: number;
}

/** Resolves when the process has printed a word. */
function listen({ child }: ReturnType<TestLab["start"]>): (word: string) => Promise<void> {
  let text = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  return async (word) => {
    await eventually(
      () => text,
      (heard) => heard.includes(word),
      60_000,
    );
  };
}

function lastLine<R>(stdout: string): R {
  const found = stdout.split("\n").findLast((each) => each.startsWith("{"));
  if (found === undefined) throw new Error(`no report: ${stdout}`);
  return JSON.parse(found) as R;
}
