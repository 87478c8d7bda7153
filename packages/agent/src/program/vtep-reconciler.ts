import { type Clock, DeltaTracker, type Logger, type Scope } from "@ocicat/kit";
import type { ForwardingEntry, Kernel, KernelEvent, KernelOperation, Link, Neighbour } from "@ocicat/linux/kernel";
import { type Address, formatAddress } from "@ocicat/net";
import { type DesiredRoute, TUNNELS, type TunnelKind, type Vtep } from "@ocicat/routing";
import { Rounds } from "./rounds.ts";

/** Entries a turn: about two milliseconds of kernel time. */
const SLICE = 400;
const PERMANENT = 0x80;
const VXLANS = ["vxlan", "vxlan6"] as const;
const NO_MAC = "00:00:00:00:00:00";

export interface VtepReconcilerOptions {
  readonly kernel: Kernel;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly scope: Scope;
  /** Full comparison with the kernel, milliseconds; 0 switches it off. */
  readonly refreshMs: number;
  /** Called when far ends have become known to the device: routes may have waited for them. */
  readonly onKnown: () => void;
  readonly defer: (work: () => void) => void;
}

/** One entry of the kernel's, of either table. */
type Entry =
  | { readonly table: "neighbour"; readonly neighbour: Neighbour }
  | { readonly table: "forwarding"; readonly entry: ForwardingEntry };

/**
 * Makes a VXLAN device know the far ends. Each is two entries, permanent, since nothing is learnt:
 *
 *      neighbour    10.244.103.64 → 66:aa:99:2f:dc:24      which MAC the inner Ethernet header carries
 *      forwarding   66:aa:99:2f:dc:24 → 192.168.0.82       which node the outer packet goes to
 *
 * Ours are all permanent neighbours and all forwarding entries of our devices, whoever put them there.
 */
export class VtepReconciler {
  readonly #options: VtepReconcilerOptions;
  readonly #desired = new Map<string, Vtep>();
  readonly #delta = new DeltaTracker<string, Entry>(sameEntry);
  readonly #devices = new Map<TunnelKind, number>();
  readonly #rounds: Rounds;
  #writes = 0;

  constructor(options: VtepReconcilerOptions) {
    this.#options = options;
    const monitor = options.kernel.monitor(["link", "neighbour"], (events) => this.#onEvents(events));
    options.scope.add("vtep monitor", () => monitor.close());
    const resync = () => this.resync();
    this.#rounds = new Rounds({
      ...options,
      of: "vteps",
      work: () => this.#apply(),
      retry: resync,
      refresh: resync,
    });
  }

  /** Netlink writes asked of the kernel so far. */
  get writes(): number {
    return this.#writes;
  }

  get desired(): ReadonlyMap<string, Vtep> {
    return this.#desired;
  }

  /** Whether the device knows where this far end is: its forwarding entry is written before its neighbour. */
  knows(tunnel: TunnelKind, address: Address): boolean {
    const linkIndex = this.#devices.get(tunnel);
    return linkIndex !== undefined && this.#delta.actual.has(`${linkIndex} ${formatAddress(address)}`);
  }

  setDesired(key: string, vtep: Vtep | undefined): void {
    const before = this.#desired.get(key);
    if (before !== undefined) this.#want(before, false);
    if (vtep === undefined) this.#desired.delete(key);
    else {
      this.#desired.set(key, vtep);
      this.#want(vtep, true);
    }
    this.#schedule();
  }

  start(): void {
    if (this.#rounds.begin()) this.resync();
  }

  /** Resolves when nothing is waiting to be written; what the kernel refused waits for its retry and does not count. */
  settled(): Promise<void> {
    return this.#rounds.settled();
  }

  /** Reads the kernel again and compares. */
  resync(): void {
    if (!this.#rounds.begun) return;
    const { kernel } = this.#options;
    this.#devices.clear();
    for (const kind of VXLANS) {
      const link = kernel.link(TUNNELS[kind].device);
      if (link?.kind === "vxlan") this.#devices.set(kind, link.index);
    }
    const ours = new Set(this.#devices.values());
    const neighbours = ours.size === 0 ? [] : kernel.neighbours().filter((each) => this.#isOurs(each));
    const forwarding = ours.size === 0 ? [] : kernel.forwardingEntries().filter((each) => ours.has(each.linkIndex));
    this.#delta.replaceActual([
      ...neighbours.map((neighbour) => [neighbourKey(neighbour), { table: "neighbour", neighbour }] as const),
      ...forwarding.map((entry) => [forwardingKey(entry), { table: "forwarding", entry }] as const),
    ]);
    for (const key of this.#delta.desired.keys()) this.#delta.deleteDesired(key);
    for (const vtep of this.#desired.values()) this.#want(vtep, true);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#delta.pending > 0) this.#rounds.schedule();
  }

  /** Writes one slice; true if more is due and worth trying at once. */
  #apply(): boolean {
    const due: { readonly key: string; readonly entry: Entry; readonly isWanted: boolean }[] = [];
    for (const { key, desired } of this.#delta.updates()) due.push({ key, entry: desired, isWanted: true });
    for (const { key, actual } of this.#delta.deletions()) due.push({ key, entry: actual, isWanted: false });
    const slice = due.slice(0, SLICE);
    if (slice.length === 0) return false;
    this.#writes += slice.length;
    const outcomes = this.#options.kernel.apply(slice.map(({ entry, isWanted }) => operation(entry, isWanted)));
    let failed = false;
    for (const [index, { key, entry, isWanted }] of slice.entries()) {
      const failure = outcomes[index];
      if (failure === undefined || (!isWanted && failure.errno === "ENOENT")) {
        if (isWanted) this.#delta.setActual(key, entry);
        else this.#delta.deleteActual(key);
        continue;
      }
      failed = true;
      const why = `${failure.errno} ${failure.message}`.trim();
      this.#options.logger.warning("the kernel refused a far end, trying again later", { entry: key, why });
    }
    if (failed) this.#rounds.retryLater();
    if (slice.some(({ isWanted }) => isWanted)) this.#options.onKnown();
    return !failed && due.length > SLICE;
  }

  #onEvents(events: readonly KernelEvent[]): void {
    if (!this.#rounds.begun) return;
    if (events.some((event) => event.type === "resync" || ("link" in event && isDevice(event.link)))) {
      this.resync();
      return;
    }
    const devices = new Set(this.#devices.values());
    for (const event of events) {
      if (!("neighbour" in event) || !devices.has(event.neighbour.linkIndex)) continue;
      const { neighbour } = event;
      const key = neighbourKey(neighbour);
      // One that is flushed is told as failed first.
      if (event.type === "neighbour.gone" || (neighbour.state & PERMANENT) === 0) this.#delta.deleteActual(key);
      else this.#delta.setActual(key, { table: "neighbour", neighbour });
    }
    this.#schedule();
  }

  #want(vtep: Vtep, isWanted: boolean): void {
    const linkIndex = this.#devices.get(vtep.tunnel);
    // The device comes first; its link event brings everything here again.
    if (linkIndex === undefined) return;
    for (const [key, entry] of entriesOf(vtep, linkIndex)) {
      if (isWanted) this.#delta.setDesired(key, entry);
      else this.#delta.deleteDesired(key);
    }
  }

  #isOurs({ linkIndex, state }: Neighbour): boolean {
    return (state & PERMANENT) !== 0 && [...this.#devices.values()].includes(linkIndex);
  }
}

function isDevice(link: Link): boolean {
  return VXLANS.some((kind) => TUNNELS[kind].device === link.name);
}

/** Why a route through a VXLAN must wait; undefined if it need not. */
export function farEndMissing(route: DesiredRoute, vteps: VtepReconciler): string | undefined {
  if (route.kind !== "via" || route.device === undefined) return undefined;
  const tunnel = VXLANS.find((kind) => TUNNELS[kind].device === route.device);
  if (tunnel === undefined || vteps.knows(tunnel, route.via)) return undefined;
  return `${route.device} does not know ${formatAddress(route.via)} yet`;
}

function entriesOf(vtep: Vtep, linkIndex: number): readonly (readonly [string, Entry])[] {
  const neighbour = { linkIndex, address: vtep.address, mac: vtep.mac, state: PERMANENT };
  const entry = { linkIndex, mac: vtep.mac, destination: vtep.nodeAddress };
  return [
    [forwardingKey(entry), { table: "forwarding", entry }],
    [neighbourKey(neighbour), { table: "neighbour", neighbour }],
  ];
}

function neighbourKey({ linkIndex, address }: Neighbour): string {
  return `${linkIndex} ${formatAddress(address)}`;
}

/** The flooding entry may have several destinations; any other MAC has one. */
function forwardingKey({ linkIndex, mac, destination }: ForwardingEntry): string {
  const which = mac === NO_MAC && destination !== undefined ? ` ${formatAddress(destination)}` : "";
  return `${linkIndex} ${mac}${which}`;
}

function sameEntry(a: Entry, b: Entry): boolean {
  if (a.table === "neighbour" && b.table === "neighbour") return a.neighbour.mac === b.neighbour.mac;
  if (a.table === "forwarding" && b.table === "forwarding") return a.entry.destination === b.entry.destination;
  return false;
}

function operation(entry: Entry, isWanted: boolean): KernelOperation {
  if (entry.table === "neighbour") {
    return { op: isWanted ? "neighbour.replace" : "neighbour.delete", neighbour: entry.neighbour };
  }
  return { op: isWanted ? "fdb.replace" : "fdb.delete", entry: entry.entry };
}
