import type { KernelEvent, KernelMonitor, MonitorGroup } from "../kernel.ts";

interface Listener {
  readonly groups: ReadonlySet<MonitorGroup>;
  readonly onEvent: (events: readonly KernelEvent[]) => void;
  waiting: KernelEvent[];
  open: boolean;
}

/** Hands events to monitors: later, in order, and all of one turn together. A promise's turn is the only loop a pure module has. */
export class Notifier {
  readonly #listeners = new Set<Listener>();

  listen(groups: readonly MonitorGroup[], onEvent: (events: readonly KernelEvent[]) => void): KernelMonitor {
    const listener: Listener = { groups: new Set(groups), onEvent, waiting: [], open: true };
    this.#listeners.add(listener);
    return {
      close: () => {
        listener.open = false;
        this.#listeners.delete(listener);
      },
    };
  }

  tell(event: Exclude<KernelEvent, { type: "resync" }>): void {
    const group = groupOf(event.type);
    for (const listener of this.#listeners) if (listener.groups.has(group)) this.#queue(listener, event);
  }

  /** As when a socket's buffer overflows: what waits is lost, and `resync` is told instead. */
  overflow(): void {
    for (const listener of this.#listeners) {
      listener.waiting.length = 0;
      this.#queue(listener, { type: "resync" });
    }
  }

  #queue(listener: Listener, event: KernelEvent): void {
    listener.waiting.push(event);
    if (listener.waiting.length === 1) void Promise.resolve().then(() => deliver(listener));
  }
}

function deliver(listener: Listener): void {
  const events = listener.waiting;
  listener.waiting = [];
  if (listener.open && events.length > 0) listener.onEvent(events);
}

const GROUPS = {
  link: "link",
  "link.gone": "link",
  address: "address",
  "address.gone": "address",
  route: "route",
  "route.gone": "route",
  neighbour: "neighbour",
  "neighbour.gone": "neighbour",
} as const satisfies Record<Exclude<KernelEvent["type"], "resync">, MonitorGroup>;

function groupOf(type: keyof typeof GROUPS): MonitorGroup {
  return GROUPS[type];
}
