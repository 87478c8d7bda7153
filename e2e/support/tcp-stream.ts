import { fileURLToPath } from "node:url";
import { eventually, type TestLab } from "./lab.ts";

const PEER = fileURLToPath(new URL("tcp-stream-peer.js", import.meta.url));
const PORT = "5201";

export interface StreamReport {
  readonly bytes: number;
  /** SHA-256 of all bytes in their order. */
  readonly digest: string;
  readonly error?: string;
}

export interface Received extends StreamReport {
  /** The longest time from a byte's write to its arrival, milliseconds. */
  readonly longestDelayMs: number;
}

/** One TCP connection between two pods that carries bytes without a pause until it is stopped. */
export class TcpStream {
  readonly #sender: ReturnType<TestLab["start"]>;
  readonly #receiver: ReturnType<TestLab["start"]>;

  private constructor(sender: ReturnType<TestLab["start"]>, receiver: ReturnType<TestLab["start"]>) {
    this.#sender = sender;
    this.#receiver = receiver;
  }

  /** Bytes are flowing when this resolves. */
  static async open(lab: TestLab, from: string, to: string): Promise<TcpStream> {
    const receiver = lab.start(to, process.execPath, PEER, "receive", PORT);
    await said(receiver, "listening");
    const sender = lab.start(from, process.execPath, PEER, "send", PORT, lab.address(to));
    await said(receiver, "flowing");
    return new TcpStream(sender, receiver);
  }

  /** Ends the sender, and with it the receiver; what each of them says of the stream. */
  async stop(): Promise<{ readonly sent: StreamReport; readonly received: Received }> {
    this.#sender.child.kill("SIGINT");
    const [sent, received] = await Promise.all([this.#sender.ended, this.#receiver.ended]);
    return { sent: report<StreamReport>(sent.stdout), received: report<Received>(received.stdout) };
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

function report<R>(stdout: string): R {
  const line = stdout.split("\n").findLast((each) => each.startsWith("{"));
  if (line === undefined) throw new Error(`no report: ${stdout}`);
  return JSON.parse(line) as R;
}
