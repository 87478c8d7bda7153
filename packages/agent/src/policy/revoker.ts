import { REVOKED } from "@ocicat/enforcement";
import { type Clock, type Logger, origin, type Timer, toError } from "@ocicat/kit";
import type { Connection, ConnectionQuery, Kernel } from "@ocicat/linux/kernel";
import { type Address, type Family, familyOf, formatAddress, Prefix } from "@ocicat/net";
import { element, type NftReconciler, number, prefixValue } from "@ocicat/nftables";
import { FAMILIES, Protocol } from "@ocicat/policy";
import type { FlowJudge } from "./flow-judge.ts";
import type { LocalNeeds } from "./local-needs.ts";
import type { Suspects } from "./suspects.ts";

export interface RevokerOptions {
  readonly kernel: Pick<Kernel, "connections" | "deleteConnections" | "readSysctl">;
  readonly nft: Pick<NftReconciler, "putElement">;
  /** Writes what was put, now. Throws nothing: true if the kernel has it. */
  readonly write: () => boolean;
  readonly judge: (local: LocalNeeds) => FlowJudge;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly defer: (work: () => void) => void;
}

/** As long as a TCP sender tries again (tcp_retries2): a segment of a cut connection may come until then, seconds. */
const REMEMBERED_S = 900;
/** After a look through the connections the next waits at least so long, milliseconds … */
const PAUSE_MS = 100;
/** … and so many times as long as the last took: the kernel walks through its whole table, 10 ms where that is large. */
const PAUSE_FACTOR = 20;
/** What a walk costs, in connections told: with fewer than these, telling all by one walk is cheaper than two walks. */
const A_WALK = 2_000;
/** Connections judged in one turn of the event loop. */
const A_TURN = 100;

/**
 * Ends connections that lost their permission. The rules let established connections pass without a look, so that they cost
 * nothing; when policy changes, those it may concern are judged once more by the reference itself, and those denied now are
 * forgotten by the kernel. What comes of them next is a first packet, and judged as one:
 *
 *     1. a TCP connection's two ends are put among the revoked, so that no segment from its middle begins it anew
 *     2. its entry is deleted
 */
export class Revoker {
  readonly #options: RevokerOptions;
  #suspects: Suspects | undefined;
  #busy = false;
  #stopped = false;
  #timer: Timer | undefined;
  #last = Number.NEGATIVE_INFINITY;
  #pauseMs = PAUSE_MS;
  #revoked = 0;
  #judged = 0;

  constructor(options: RevokerOptions) {
    this.#options = options;
  }

  get revoked(): number {
    return this.#revoked;
  }

  get judged(): number {
    return this.#judged;
  }

  /** Judged when `run` is called: once the kernel has the rules that may deny them. */
  suspect(suspects: Suspects): void {
    if (suspects.empty) return;
    this.#suspects = this.#suspects?.with(suspects) ?? suspects;
  }

  /** For good: an agent that ends looks through nothing any more, and is not kept from ending. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  run(local: LocalNeeds): void {
    if (this.#stopped || this.#busy || this.#suspects === undefined) return;
    this.#busy = true;
    const { clock, defer, logger } = this.#options;
    const judge = () => {
      if (this.#stopped) return;
      const suspects = this.#suspects;
      this.#suspects = undefined;
      const done = () => {
        this.#busy = false;
        this.#last = clock.monotonic();
        this.run(local);
      };
      try {
        if (suspects === undefined) done();
        else this.#judge(this.#connectionsOf(suspects, local), local, done);
      } catch (error) {
        // They are still suspect: nothing was ended.
        if (suspects !== undefined) this.suspect(suspects);
        logger.error("connections could not be looked through, trying again", { error: toError(error).message });
        this.#timer = clock.after(PAUSE_MS * 10, "revocation", done);
      }
    };
    const wait = this.#last + this.#pauseMs - clock.monotonic();
    if (wait > 0) this.#timer = clock.after(wait, "revocation", judge);
    else defer(judge);
  }

  #connectionsOf(suspects: Suspects, local: LocalNeeds): readonly Connection[] {
    const { all, addresses, members } = suspects.resolve(local);
    const locals = new Set(local.addresses());
    const { hasHosts } = local;
    const isOurs = (address: Address) => hasHosts || locals.has(address);
    const found: Connection[] = [];
    const each = (connection: Connection) => {
      const [from, to] = [connection.original.source, connection.reply.source];
      const isMember = (address: Address) => members.some((network) => network.has(address));
      const isConcerned =
        all ||
        addresses.has(from) ||
        addresses.has(to) ||
        (isOurs(from) && isMember(to)) ||
        (isOurs(to) && isMember(from));
      if (isConcerned) found.push(connection);
    };
    const { kernel, clock } = this.#options;
    const present = Number(kernel.readSysctl("net/netfilter/nf_conntrack_count") ?? 0);
    if (present === 0) return found;
    const since = clock.monotonic();
    const queries = all ? FAMILIES.map((family) => ({ family })) : queriesFor([...addresses], members, present);
    for (const query of queries) kernel.connections(query, each);
    this.#pauseMs = Math.max(PAUSE_MS, PAUSE_FACTOR * (clock.monotonic() - since));
    return found;
  }

  /** So many a turn, that nobody waits long. */
  #judge(connections: readonly Connection[], local: LocalNeeds, done: () => void): void {
    const { defer } = this.#options;
    const judge = this.#options.judge(local);
    const turn = (from: number) => {
      const some = connections.slice(from, from + A_TURN);
      this.#judged += some.length;
      this.#end(some.filter((connection) => !judge.allows(connection)));
      if (from + A_TURN < connections.length) defer(() => turn(from + A_TURN));
      else done();
    };
    turn(0);
  }

  #end(connections: readonly Connection[]): void {
    if (connections.length === 0) return;
    const { kernel, nft, write, logger } = this.#options;
    const tcp = connections.filter(({ original }) => original.protocol === Protocol.tcp);
    for (const connection of tcp)
      for (const [ref, key] of endsOf(connection))
        nft.putElement(ref, element(WHY, key, undefined, { timeout: REMEMBERED_S }));
    if (tcp.length > 0) write();
    const outcomes = kernel.deleteConnections(connections);
    this.#revoked += outcomes.filter((outcome) => outcome === undefined).length;
    for (const [index, outcome] of outcomes.entries()) {
      const connection = connections[index];
      if (connection === undefined || outcome?.errno === "ENOENT") continue;
      const { source, destination, protocol } = connection.original;
      const flow = { from: formatAddress(source), to: formatAddress(destination), protocol };
      if (outcome === undefined) logger.info("a connection lost its permission and was ended", flow);
      else logger.error("the kernel refused to end a connection", { ...flow, errno: outcome.errno });
    }
  }
}

const WHY = origin("a connection that lost its permission");

/** As the rules see its packets, both ways: with the receiver's own address and port. */
function endsOf({ original, reply }: Connection) {
  const [from, to] = [original.source, reply.source];
  const [fromPort, toPort] = [original.sourcePort ?? 0, reply.sourcePort ?? 0];
  const value = (address: Address) => prefixValue(Prefix.host(address));
  const ref = REVOKED[familyOf(from)];
  return [
    [ref, [value(from), value(to), number(fromPort), number(toPort)]],
    [ref, [value(to), value(from), number(toPort), number(fromPort)]],
  ] as const;
}

/**
 * Each query is a walk through the kernel's table. Two walks tell what one address has; one tells all of a family, which is
 * better where there are few, or many addresses to ask for.
 */
function queriesFor(
  addresses: readonly Address[],
  members: readonly Prefix[],
  present: number,
): readonly ConnectionQuery[] {
  const hosts = members.filter((member) => member.isHost).map(({ address }) => address);
  const all = [...new Set([...addresses, ...hosts])];
  if (hosts.length === members.length && 2 * all.length * A_WALK < present) {
    return all.flatMap((address) => [
      { family: familyOf(address), original: { source: address } },
      { family: familyOf(address), reply: { source: address } },
    ]);
  }
  const families = new Set<Family>([...all.map(familyOf), ...members.map(({ family }) => family)]);
  return [...families].map((family) => ({ family }));
}
