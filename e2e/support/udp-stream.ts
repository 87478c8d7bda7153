import { fileURLToPath } from "node:url";
import { eventually, type TestLab } from "./lab.ts";

const PEER = fileURLToPath(new URL("udp-stream-peer.js", import.meta.url));

export interface UdpReport {
  readonly sent: number;
  readonly received: number;
  /** Numbers that were sent and never came, those of the last quarter of a second left out: they may be on their way. */
  readonly missing: readonly number[];
  /** When each of the packets that came was sent, microseconds of the machine's monotonic clock. */
  readonly sentAt: readonly number[];
}

/** A stream of numbered UDP packets between two pods, a thousand a second unless told, until it is stopped. */
export class UdpStream {
  readonly #sender: ReturnType<TestLab["start"]>;
  readonly #receiver: ReturnType<TestLab["start"]>;

  private constructor(sender: ReturnType<TestLab["start"]>, receiver: ReturnType<TestLab["start"]>) {
    this.#sender = sender;
    this.#receiver = receiver;
  }

  /** Packets are being sent when this resolves; whether they come is the test's question. */
  static async open(lab: TestLab, from: string, to: string, port: number, periodMs = 1): Promise<UdpStream> {
    const receiver = lab.start(to, process.execPath, PEER, "receive", String(port));
    await said(receiver, "listening");
    const sender = lab.start(from, process.execPath, PEER, "send", String(port), lab.address(to), String(periodMs));
    await said(sender, "sending");
    return new UdpStream(sender, receiver);
  }

  async stop(): Promise<UdpReport> {
    this.#sender.child.kill("SIGINT");
    const { sent } = line<{ sent: number[] }>((await this.#sender.ended).stdout);
    this.#receiver.child.kill("SIGINT");
    const { received } = line<{ received: [number, number][] }>((await this.#receiver.ended).stdout);
    const came = new Set(received.map(([number]) => number));
    const last = (sent.at(-1) ?? 0) - 250_000;
    return {
      sent: sent.length,
      received: came.size,
      missing: sent.flatMap((at, number) => (at < last && !came.has(number) ? [number] : [])),
      sentAt: [...came].map((number) => sent[number] ?? 0),
    };
  }

  /** Whatever became of it. */
  kill(): void {
    this.#sender.child.kill("SIGKILL");
    this.#receiver.child.kill("SIGKILL");
  }
}

async function said({ child }: ReturnType<TestLab["start"]>, word: string): Promise<void> {
  let text = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  await eventually(
    () => text,
    (heard) => heard.includes(word),
    60_000,
  );
}

function line<R>(stdout: string): R {
  const found = stdout.split("\n").findLast((each) => each.startsWith("{"));
  if (found === undefined) throw new Error(`no report: ${stdout}`);
  return JSON.parse(found) as R;
}
