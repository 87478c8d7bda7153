import { eventually, type TestLab } from "./lab.ts";

/** With a dump of the bytes: how much strace understands of a netlink message depends on whose namespace it is run in. */
const STRACE = ["strace", "-f", "-s", "0", "-e", "trace=sendto,sendmsg", "-e", "write=all"] as const;
const RTM_NEWROUTE = 0x18;
const NFT_MSG_NEWSETELEM = 0xa0c;
const RTA_DST = 1;

export interface Writes {
  /** Destinations of RTM_NEWROUTE, in order: "10.244.166.131/32". */
  readonly routes: readonly string[];
  /** NFT_MSG_NEWSETELEM. */
  readonly elements: number;
}

/**
 * Counts what an agent asks of the kernel, with strace from outside. The kernel's own monitors do not tell of a write that
 * changes nothing (a route replaced by the same, an element that is there already): as many writes as events means that
 * there was none.
 */
export class WriteWitness {
  readonly #strace: ReturnType<TestLab["start"]>;
  #seen = "";

  private constructor(lab: TestLab, node: string) {
    const pid = String(lab.pid(`agent-${node}`));
    this.#strace = lab.start(node, ...STRACE, "-p", pid);
    this.#strace.child.stderr?.on("data", (chunk: Buffer) => {
      this.#seen += chunk.toString();
    });
  }

  /** Attached when this resolves. */
  static async start(lab: TestLab, node: string): Promise<WriteWitness> {
    const witness = new WriteWitness(lab, node);
    await eventually(
      () => witness.#seen,
      (text) => text.includes(" attached"),
    );
    return witness;
  }

  async stop(): Promise<Writes> {
    this.#strace.child.kill("SIGINT");
    await this.#strace.ended;
    const messages = dumps(this.#seen).flatMap(netlinkMessages);
    return {
      routes: messages.filter(({ type }) => type === RTM_NEWROUTE).flatMap(({ body }) => destinationOf(body)),
      elements: messages.filter(({ type }) => type === NFT_MSG_NEWSETELEM).length,
    };
  }
}

/** The bytes of each call, from lines like ` | 00010  08 00 01 00 0a f4 44 02  08 00 04 00 05 00 00 00  ......D......... |`. */
function dumps(text: string): Buffer[] {
  const buffers: Buffer[] = [];
  let hex: string | undefined;
  for (const line of [...text.split("\n"), ""]) {
    const dump = /^ \| ([0-9a-f]{5,}) {2}((?:[0-9a-f]{2} {1,2}){1,16})/.exec(line);
    const goesOn = dump !== null && Number.parseInt(dump[1] ?? "", 16) > 0;
    if (!goesOn && hex !== undefined) buffers.push(Buffer.from(hex, "hex"));
    if (!goesOn) hex = undefined;
    if (dump !== null) hex = (hex ?? "") + (dump[2] ?? "").replaceAll(" ", "");
  }
  return buffers;
}

interface Message {
  readonly type: number;
  readonly body: Buffer;
}

/*
 *   struct nlmsghdr: length 4, type 2, flags 2, sequence 4, port 4; then the body, padding to 4, and the next one
 */
function netlinkMessages(packet: Buffer): Message[] {
  const messages: Message[] = [];
  for (let at = 0; at + 16 <= packet.length; ) {
    const length = packet.readUInt32LE(at);
    if (length < 16) break;
    messages.push({ type: packet.readUInt16LE(at + 4), body: packet.subarray(at + 16, at + length) });
    at += (length + 3) & ~3;
  }
  return messages;
}

/*
 *   struct rtmsg: family 1, destination's length 1, … 12 bytes in all; then attributes: length 2, type 2, value, padding to 4
 */
function destinationOf(body: Buffer): string[] {
  const length = body[1] ?? 0;
  for (let at = 12; at + 4 <= body.length; at += Math.max(4, (body.readUInt16LE(at) + 3) & ~3)) {
    if (body.readUInt16LE(at + 2) === RTA_DST) return [`${[...body.subarray(at + 4, at + 8)].join(".")}/${length}`];
  }
  return [];
}
