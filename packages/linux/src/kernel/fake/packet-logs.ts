import { errnoNumber } from "../errno.ts";
import { KernelError } from "../error.ts";
import type { KernelMonitor } from "../kernel.ts";
import type { LoggedPacket, OnLoggedPackets } from "../packet-log.ts";

interface Listener {
  readonly groups: ReadonlySet<number>;
  readonly onPackets: OnLoggedPackets;
  waiting: LoggedPacket[];
  lost: number;
  open: boolean;
}

/** Who listens to which group. No rule logs anything here: who tests says what was logged. */
export class PacketLogs {
  readonly #listeners = new Set<Listener>();

  listen(groups: readonly number[], onPackets: OnLoggedPackets): KernelMonitor {
    for (const group of groups) {
      if (this.#listenerOf(group) === undefined) continue;
      throw new KernelError({ operation: `listening to log group ${group}`, number: errnoNumber("EPERM") });
    }
    const listener: Listener = { groups: new Set(groups), onPackets, waiting: [], lost: 0, open: true };
    this.#listeners.add(listener);
    return {
      close: () => {
        listener.open = false;
        this.#listeners.delete(listener);
      },
    };
  }

  /** What nobody listens to is gone. */
  log(packet: LoggedPacket): void {
    this.#queue(this.#listenerOf(packet.group), (listener) => listener.waiting.push(packet));
  }

  /** As when packets come faster than they are read. */
  lose(group: number, count: number): void {
    this.#queue(this.#listenerOf(group), (listener) => {
      listener.lost += count;
    });
  }

  #listenerOf(group: number): Listener | undefined {
    return [...this.#listeners].find(({ groups }) => groups.has(group));
  }

  #queue(listener: Listener | undefined, change: (listener: Listener) => void): void {
    if (listener === undefined) return;
    const isDue = listener.waiting.length > 0 || listener.lost > 0;
    change(listener);
    if (!isDue) void Promise.resolve().then(() => deliver(listener));
  }
}

function deliver(listener: Listener): void {
  const { waiting, lost } = listener;
  listener.waiting = [];
  listener.lost = 0;
  if (listener.open) listener.onPackets(waiting, lost);
}
