import { open, rename, rm } from "node:fs/promises";
import type { PeerStatus, Speaker, StateName, Transport } from "@ocicat/bgp";
import { MessageRecorder } from "@ocicat/bgp/mrt";
import { type ConnectionObserver, observedTransport, packetsOf } from "@ocicat/bgp/record";
import { type Clock, type Logger, type Scope, toError } from "@ocicat/kit";
import { pcapHeader, pcapRecord } from "@ocicat/linux";
import { familyOf, ipv4, ipv6 } from "@ocicat/net";
import { fileNameAt } from "./file-name.ts";
import { FileSeries } from "./file-series.ts";
import type { FileSetting, RecordSettings } from "./settings.ts";
import { tableFile } from "./table-file.ts";

export interface RecorderOptions {
  readonly settings: RecordSettings;
  readonly localAs: number;
  /** Asked only later. */
  readonly speaker: () => Speaker;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly scope: Scope;
}

/** Longest packet that is written. */
const SNAP_LENGTH = 65_535;

/** Writes down what a speaker says, hears and knows, as far as its owner wants it. */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #messages: MessageRecorder | undefined;
  readonly #pcap: FileSeries | undefined;
  /** Where each session was last, and with whom: one that is taken away is not in the speaker's status any more. */
  readonly #sessions = new Map<string, { readonly state: StateName; readonly peer: PeerStatus | undefined }>();

  constructor(options: RecorderOptions) {
    this.#options = options;
    const { messages, pcap } = options.settings;
    const file = messages === undefined ? undefined : this.#series(messages);
    this.#pcap = pcap === undefined ? undefined : this.#series(pcap, pcapHeader(SNAP_LENGTH, "ip"));
    this.#messages =
      file &&
      new MessageRecorder({
        now: () => microseconds(options.clock),
        write: (record) => file.write(record),
        asNumbers: (address) => ({
          local: options.localAs,
          peer: this.#peers().find(({ remoteAddress }) => remoteAddress === address)?.remoteAs ?? 0,
        }),
      });
  }

  /** The transport that the speaker is to use. */
  over(transport: Transport): Transport {
    if (this.#messages === undefined && this.#pcap === undefined) return transport;
    return observedTransport(transport, (connection, dialled) => {
      const pcap = this.#pcap;
      const packets = pcap && packetsOf(connection, dialled, (packet) => pcap.write(this.#frame(packet)));
      return both([this.#messages?.observe(connection), packets]);
    });
  }

  stateChanged(name: string, to: StateName): void {
    if (this.#messages === undefined) return;
    const { state: from = "Idle", peer: known } = this.#sessions.get(name) ?? {};
    const peer = known ?? this.#peers().find((one) => one.name === name);
    this.#sessions.set(name, { state: to, peer });
    if (peer === undefined || from === to) return;
    const { remoteAddress: peerAddress, remoteAs: peerAs } = peer;
    // Over which address the session goes is known while there is one; a record of a state has both all the same.
    const localAddress = familyOf(peerAddress) === 4 ? ipv4(0) : ipv6(0n);
    this.#messages.stateChanged({ peerAs, peerAddress, localAs: this.#options.localAs, localAddress }, from, to);
  }

  /** Begins to write the table down at its times. */
  start(): void {
    const { settings, clock, scope } = this.#options;
    const { table } = settings;
    if (table === undefined) return;
    let last = Promise.resolve();
    const later = () => clock.after(table.everyS * 1000, "table dump", dump);
    const dump = () => {
      last = this.#writeTable(table.file).then(() => {
        if (!scope.closed) timer = later();
      });
    };
    let timer = later();
    scope.add("table dumps", async () => {
      timer.cancel();
      await last;
    });
  }

  /** Whole, or not there. */
  async #writeTable(pattern: string): Promise<void> {
    const { clock, speaker, logger, scope } = this.#options;
    const name = fileNameAt(pattern, clock.now());
    const partial = `${name}.partial`;
    try {
      const file = await open(partial, "w", 0o640);
      try {
        for await (const piece of tableFile(speaker(), clock.now())) {
          if (scope.closed) throw new Error("the speaker ends");
          await file.write(piece);
        }
      } finally {
        await file.close();
      }
      await rename(partial, name);
    } catch (error) {
      await rm(partial, { force: true });
      logger.error("the table is not written down", { file: name, error: toError(error).message });
    }
  }

  #series({ file, everyS }: FileSetting, head?: Uint8Array): FileSeries {
    const { clock, logger, scope } = this.#options;
    const series = new FileSeries({ pattern: file, everyS, head, clock, logger: logger.child(file) });
    scope.add(file, () => series.close());
    return series;
  }

  #peers(): readonly PeerStatus[] {
    return this.#options.speaker().status();
  }

  #frame(bytes: Uint8Array): Uint8Array {
    return pcapRecord({ timestamp: microseconds(this.#options.clock) * 1000n, bytes, length: bytes.length });
  }
}

function microseconds(clock: Clock): bigint {
  return BigInt(Math.round(clock.now() * 1000));
}

function both(observers: readonly (ConnectionObserver | undefined)[]): ConnectionObserver {
  const all = observers.filter((one) => one !== undefined);
  return {
    sent: (bytes) => {
      for (const one of all) one.sent(bytes);
    },
    received: (bytes) => {
      for (const one of all) one.received(bytes);
    },
    ended: (by, reset) => {
      for (const one of all) one.ended(by, reset);
    },
  };
}
