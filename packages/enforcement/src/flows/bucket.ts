import type { Flow, FlowEnd, FlowSighting } from "./flow.ts";

type Counted = { -readonly [Field in keyof Flow]: Flow[Field] };

/**
 * Flows of one interval, counted. However many different ones there are, it holds at most `limit`, and a quarter more: when it
 * is full, addresses outside of the cluster and ports are no longer told apart, and what is not among those that are held
 * already by then is not counted, and the bucket says how much that is.
 */
export class FlowBucket {
  /** Milliseconds since 1970. */
  readonly start: number;
  readonly #limit: number;
  readonly #flows = new Map<string, Counted>();
  #uncounted = 0;

  constructor(start: number, limit: number) {
    this.start = start;
    this.#limit = limit;
  }

  get size(): number {
    return this.#flows.size;
  }

  /** Packets that were of none of its flows when it was full. */
  get uncounted(): number {
    return this.#uncounted;
  }

  flows(): Iterable<Flow> {
    return this.#flows.values();
  }

  add(sighting: FlowSighting, now: number): void {
    if (this.#count(sighting, now, this.#limit)) return;
    if (this.#count(folded(sighting), now, this.#limit * 1.25)) return;
    this.#uncounted += 1;
  }

  #count(sighting: FlowSighting, now: number, limit: number): boolean {
    const key = keyOf(sighting);
    const flow = this.#flows.get(key);
    if (flow !== undefined) {
      flow.count += 1;
      flow.until = now;
      return true;
    }
    if (this.#flows.size >= limit) return false;
    this.#flows.set(key, { ...sighting, since: now, until: now, count: 1 });
    return true;
  }
}

function keyOf({
  direction,
  action,
  source,
  destination,
  protocol,
  destinationPort,
  icmp,
  steps,
}: FlowSighting): string {
  const way = `${direction} ${action} ${protocol} ${destinationPort} ${icmp?.type} ${icmp?.code}`;
  const decided = steps.map((step) => `${step.action} ${step.by} ${step.rule} ${step.name}`).join("\n");
  return `${way}\n${endKey(source)}\n${endKey(destination)}\n${decided}`;
}

/** An address in both families would read alike as a number: the family is in it. */
function endKey({ kind, name, address }: FlowEnd): string {
  return `${kind} ${name} ${typeof address} ${address}`;
}

function folded(sighting: FlowSighting): FlowSighting {
  const { source, destination } = sighting;
  return { ...sighting, source: foldedEnd(source), destination: foldedEnd(destination), destinationPort: undefined };
}

function foldedEnd(end: FlowEnd): FlowEnd {
  return end.kind === "network" || end.kind === "networkSet" ? { ...end, address: undefined } : end;
}
