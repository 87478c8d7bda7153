import { parsePrefix } from "@ocicat/net";
import type { Connection, MemoryNetwork, Transport } from "../../src/index.ts";
import { observedTransport } from "../../src/record/index.ts";
import { type Capabilities, NO_CAPABILITIES } from "../../src/wire/capabilities.ts";
import { type ControlMessage, decodeMessage, encodeControl } from "../../src/wire/codec.ts";
import { type CodecContext, DEFAULT_CONTEXT } from "../../src/wire/context.ts";
import { Framer } from "../../src/wire/framer.ts";
import { MAX_EXTENDED_MESSAGE } from "../../src/wire/header.ts";
import type { Message, OpenMessage } from "../../src/wire/message.ts";
import { formatNotification } from "../../src/wire/notification.ts";
import { packAnnouncements, packEndOfRib } from "../../src/wire/pack.ts";
import { address4, type Lab } from "./lab.ts";

type Network = Pick<MemoryNetwork, "host">;

/** Ways to hear what a speaker says on a memory network, and to say what no speaker of ours would. */
export function tapped(network: Network): Tap {
  return new Tap(network);
}

class Tap {
  readonly #network: Network;
  #bytes: Uint8Array[] = [];

  constructor(network: Network) {
    this.#network = network;
  }

  /** A host whose dialled and accepted connections are recorded: what it sends. */
  host(ip: string): Transport {
    const transport = this.#network.host(address4(ip));
    return observedTransport(transport, () => ({
      sent: (bytes) => this.#bytes.push(bytes),
      received: () => undefined,
      ended: () => undefined,
    }));
  }

  said(): string[] {
    return messagesOf(this.#bytes).map(describeMessage);
  }

  clear(): void {
    this.#bytes = [];
  }

  /** A peer that the test plays: it dials `to` from `from`. */
  puppet(from: string, to: string): Puppet {
    return new Puppet(this.#network.host(address4(from)), from, to);
  }
}

export interface PuppetAbilities {
  readonly as?: number;
  readonly holdTimeS?: number;
  readonly enhancedRefresh?: boolean;
  readonly gracefulRestart?: boolean;
  readonly capabilities?: Partial<Capabilities>;
}

export class Puppet {
  readonly #transport: Transport;
  readonly #from: string;
  readonly #to: string;
  #connection: Connection | undefined;
  readonly #heard: Uint8Array[] = [];
  closed: string | undefined;

  constructor(transport: Transport, from: string, to: string) {
    this.#transport = transport;
    this.#from = from;
    this.#to = to;
  }

  /** Dials, and says OPEN and KEEPALIVE. */
  async establish(lab: Lab, abilities: PuppetAbilities = {}): Promise<void> {
    await this.dial(lab);
    this.say(this.open(abilities));
    this.say({ type: "keepalive" });
    lab.advance(10);
  }

  async dial(lab: Lab): Promise<void> {
    const connected = new Promise<Connection>((resolve, reject) => {
      this.#transport.connect(
        { local: address4(this.#from), remote: { address: address4(this.#to), port: 179 } },
        (connection) => {
          connection.handle({
            onBytes: (bytes) => this.#heard.push(bytes),
            onDrain: () => undefined,
            onClose: (reason) => {
              this.closed = reason;
            },
          });
          resolve(connection);
        },
        ({ text }) => reject(new Error(text)),
      );
    });
    lab.advance(10);
    this.#connection = await connected;
  }

  open({ as = 64512, holdTimeS = 90, capabilities, ...abilities }: PuppetAbilities = {}): OpenMessage {
    const { enhancedRefresh = false, gracefulRestart = false } = abilities;
    const families = [{ family: 4 as const, forwarding: true }];
    return {
      type: "open",
      version: 4,
      as,
      holdTimeS,
      routerId: address4(this.#from),
      capabilities: {
        ...NO_CAPABILITIES,
        families: [4],
        as4: as,
        routeRefresh: true,
        enhancedRefresh,
        gracefulRestart: gracefulRestart
          ? { restarting: false, notification: false, restartTimeS: 120, families }
          : undefined,
        ...capabilities,
      },
    };
  }

  say(message: ControlMessage): void {
    this.sayBytes(encodeControl(message));
  }

  sayBytes(bytes: Uint8Array): void {
    if (this.#connection === undefined) throw new Error("the puppet has no connection");
    this.#connection.send(bytes);
  }

  announce(prefixes: readonly string[], communities: readonly number[] = [], context = DEFAULT_CONTEXT): void {
    const attributes = {
      origin: 0 as const,
      asPath: [],
      nextHop: address4(this.#from),
      localPref: 100,
      ...(communities.length > 0 && { communities }),
    };
    for (const bytes of packAnnouncements(
      attributes,
      4,
      prefixes.map((one) => parsePrefix(one)),
      context,
    )) {
      this.sayBytes(bytes);
    }
  }

  endOfRib(): void {
    this.sayBytes(packEndOfRib(4));
  }

  refresh(subtype: number): void {
    this.say({ type: "route-refresh", family: 4, subtype });
  }

  /** Lets time pass, with KEEPALIVEs. */
  keepAlive(lab: Lab, ms: number): void {
    for (let left = ms; left > 0; left -= 10_000) {
      this.say({ type: "keepalive" });
      lab.advance(Math.min(left, 10_000));
    }
  }

  /** Without a word, as if killed. */
  vanish(): void {
    this.#connection?.reset();
  }

  heard(context?: CodecContext): string[] {
    return this.messages(context).map(describeMessage);
  }

  messages(context?: CodecContext): Message[] {
    return messagesOf(this.#heard, context);
  }
}

/** "open", "keepalive", "update +2 -1", "update end 4", "refresh 4/1", "notification Cease: …". */
export function describeMessage(message: Message): string {
  switch (message.type) {
    case "update": {
      if (message.endOfRib !== undefined) return `update end ${message.endOfRib}`;
      const announced = message.announced.reduce((sum, { prefixes }) => sum + prefixes.length, 0);
      const parts = [
        announced > 0 ? `+${announced}` : "",
        message.withdrawn.prefixes.length > 0 ? `-${message.withdrawn.prefixes.length}` : "",
      ];
      return ["update", ...parts.filter((part) => part !== "")].join(" ");
    }
    case "route-refresh":
      return `refresh ${message.family}/${message.subtype}`;
    case "notification":
      return `notification ${formatNotification(message)}`;
    case "open":
    case "keepalive":
      return message.type;
  }
}

function messagesOf(chunks: readonly Uint8Array[], context = DEFAULT_CONTEXT): Message[] {
  const framer = new Framer();
  framer.maxMessage = MAX_EXTENDED_MESSAGE;
  const messages: Message[] = [];
  for (const chunk of chunks) {
    framer.push(chunk);
    for (let frame = framer.next(); frame !== undefined; frame = framer.next()) {
      messages.push(decodeMessage(frame, context));
    }
  }
  return messages;
}
