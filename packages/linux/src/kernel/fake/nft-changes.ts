import { messagesIn } from "@ocicat/netlink";
import type { KernelMonitor } from "../kernel.ts";
import { type NftChange, NftChangeReader, type OnNftChanges } from "../nft-change.ts";

interface Listener {
  /** Whose own transactions are not told. */
  readonly of: object;
  readonly onChanges: OnNftChanges;
  waiting: NftChange[];
  lost: boolean;
  open: boolean;
}

/** Who listens to changes of nf_tables in a namespace. */
export class NftChanges {
  readonly #listeners = new Set<Listener>();

  listen(of: object, onChanges: OnNftChanges): KernelMonitor {
    const listener: Listener = { of, onChanges, waiting: [], lost: false, open: true };
    this.#listeners.add(listener);
    return {
      close: () => {
        listener.open = false;
        this.#listeners.delete(listener);
      },
    };
  }

  committed(by: object, messages: Uint8Array): void {
    const reader = new NftChangeReader();
    for (const message of messagesIn(messages)) reader.read(message);
    const change = reader.read({ type: NEWGEN, payload: new Uint8Array(4) });
    if (change === undefined) return;
    for (const listener of this.#listeners) {
      if (listener.of !== by) this.#queue(listener, () => listener.waiting.push(change));
    }
  }

  /** As when a socket's buffer overflows. */
  overflow(): void {
    for (const listener of this.#listeners) {
      this.#queue(listener, () => {
        listener.lost = true;
      });
    }
  }

  #queue(listener: Listener, change: () => void): void {
    const isDue = listener.waiting.length > 0 || listener.lost;
    change();
    if (!isDue) void Promise.resolve().then(() => deliver(listener));
  }
}

const NEWGEN = (10 << 8) | 15;

function deliver(listener: Listener): void {
  const { waiting, lost } = listener;
  listener.waiting = [];
  listener.lost = false;
  if (listener.open) listener.onChanges(waiting, lost);
}
