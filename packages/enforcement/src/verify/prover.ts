import { type Address, compareAddresses, type Family, familyOf } from "@ocicat/net";
import type { Table } from "@ocicat/nftables";
import type { Endpoint, PolicyModel } from "@ocicat/policy";
import { type PacketDifference, reasonsOf } from "./difference.ts";
import { Chains } from "./kernel/chains.ts";
import { judgePacket } from "./kernel/judge.ts";
import { Ways } from "./kernel/ways.ts";
import { Expected } from "./model/expected.ts";
import type { Members } from "./model/members.ts";
import { Stages } from "./model/stage.ts";
import { type Probe, tellApart, valueIn } from "./probe.ts";
import { Diagrams, type Node } from "./space/diagram.ts";
import { AddressLine, type AddressRange, dimension, STATES, sizesOf } from "./space/header.ts";
import { Logic } from "./space/logic.ts";
import type { Journey, Place, Traffic } from "./traffic.ts";

/**
 * One family's proof: for each interface, and each pair of them, the diagram of what the kernel's chains do is the one of what
 * the model wants.
 */
export class Prover {
  readonly #table: Table;
  readonly #model: PolicyModel;
  readonly #addresses: AddressLine;
  readonly #diagrams: Diagrams;
  readonly #logic: Logic;
  readonly #ways: Ways;
  readonly #expected: Expected;

  constructor(family: Family, table: Table, model: PolicyModel, members: Members, ranges: readonly AddressRange[]) {
    this.#table = table;
    this.#model = model;
    this.#addresses = new AddressLine(family, ranges);
    this.#diagrams = new Diagrams(sizesOf(this.#addresses));
    this.#logic = new Logic(this.#diagrams, this.#addresses);
    this.#ways = new Ways(this.#logic, new Chains(this.#logic, table), table);
    this.#expected = new Expected(this.#logic, new Stages(model, this.#logic, members), model.settings);
  }

  /** How many nodes all the diagrams have together. */
  get size(): number {
    return this.#diagrams.size;
  }

  /** At most one difference for each interface and way; undefined after each piece of work that found none. */
  *differences(places: readonly Place[]): Iterable<PacketDifference | undefined> {
    yield* this.#oneEnded("input", "incoming", places, (place) => this.#expected.received(place));
    yield* this.#oneEnded("output", "outgoing", places, (place) => this.#expected.sent(place));
    yield* this.#forwarded(places);
  }

  *#oneEnded(
    journey: "input" | "output",
    side: "incoming" | "outgoing",
    places: readonly Place[],
    expected: (place: Place) => Node,
  ): Iterable<PacketDifference | undefined> {
    const chains = this.#ways.chainsOf(journey);
    for (const place of places) {
      const traffic = { incoming: "", outgoing: "", [side]: place.name };
      const difference = this.#compare(
        journey,
        { [side]: place },
        this.#ways.meaning(chains, traffic),
        expected(place),
      );
      yield difference;
    }
  }

  /**
   * What is forwarded meets what its first interface says, and what its second says. Where every base chain asks for one of the
   * two only, and each side is as expected, so are all pairs. Only where that is not so are the pairs looked at.
   */
  *#forwarded(places: readonly Place[]): Iterable<PacketDifference | undefined> {
    const outside = places.findLast(({ kind, endpoint }) => kind === "host" && endpoint === undefined) ?? places.at(-1);
    if (outside === undefined) return;
    const from = (place: Place): Traffic => ({ incoming: place.name, outgoing: outside.name });
    const to = (place: Place): Traffic => ({ incoming: outside.name, outgoing: place.name });
    const sides = yield* this.#ways.sides("forward", [...places.map(from), ...places.map(to)]);
    const senders = new Map<Place, Address | undefined>();
    const receivers = new Map<Place, Address | undefined>();
    for (const place of places) {
      const sends = [this.#ways.meaning(sides.incoming, from(place)), this.#expected.forwardedFrom(place)] as const;
      const sent = this.#apart("forward", { incoming: place }, ...sends);
      if (sent !== undefined || sides.both.length > 0) senders.set(place, sent?.destination);
      const receives = [this.#ways.meaning(sides.outgoing, to(place)), this.#expected.forwardedTo(place)] as const;
      const received = this.#apart("forward", { outgoing: place }, ...receives);
      if (received !== undefined) receivers.set(place, received.source);
      yield undefined;
    }
    yield* this.#pairs(senders, places, (incoming, outgoing) => ({ incoming, outgoing }));
    yield* this.#pairs(receivers, places, (outgoing, incoming) => ({ incoming, outgoing }));
  }

  /** Of each suspect the first pair in which it makes a difference, beginning with whom the address at the far end belongs to. */
  *#pairs(
    suspects: ReadonlyMap<Place, Address | undefined>,
    places: readonly Place[],
    pair: (suspect: Place, other: Place) => { readonly incoming: Place; readonly outgoing: Place },
  ): Iterable<PacketDifference | undefined> {
    const chains = this.#ways.chainsOf("forward");
    for (const [suspect, far] of suspects) {
      const rank = (place: Place) => (far !== undefined && isAt(place, far, this.#model) ? 0 : 1);
      for (const other of places.toSorted((a, b) => rank(a) - rank(b))) {
        const { incoming, outgoing } = pair(suspect, other);
        const kernel = this.#ways.meaning(chains, { incoming: incoming.name, outgoing: outgoing.name });
        const expected = this.#logic.both(this.#expected.forwardedFrom(incoming), this.#expected.forwardedTo(outgoing));
        const difference = this.#compare("forward", { incoming, outgoing }, kernel, expected);
        yield difference;
        if (difference !== undefined) break;
      }
    }
  }

  #compare(journey: Journey, places: Ends, kernel: Node, expected: Node): PacketDifference | undefined {
    const probe = this.#apart(journey, places, kernel, expected);
    if (probe === undefined) return undefined;
    const { incoming, outgoing } = places;
    const at = valueIn(probe, this.#addresses);
    const wanted = this.#diagrams.follow(expected, at);
    const found = this.#diagrams.follow(kernel, at);
    const traffic = { incoming: incoming?.name ?? "", outgoing: outgoing?.name ?? "" };
    return {
      kind: "packet",
      journey,
      incoming,
      outgoing,
      probe,
      kernel: judgePacket(this.#table, probe, journey, traffic),
      unknown: found.kind === "unknown" ? found.why : undefined,
      model: wanted.kind === "accept" ? "accept" : "drop",
      because: reasonsOf({ incoming, outgoing }, probe, this.#model),
    };
  }

  /** A packet that the diagrams judge differently; undefined: there is none. */
  #apart(journey: Journey, { incoming, outgoing }: Ends, kernel: Node, expected: Node): Probe | undefined {
    const between = [incoming, outgoing].filter((place) => place !== undefined);
    const judged = (node: Node) => (journey === "forward" ? this.#judged(node, ...between) : node);
    if (judged(kernel) === judged(expected)) return undefined;
    return tellApart(judged(kernel), judged(expected), this.#diagrams, this.#addresses, {
      source: this.#piecesOf(incoming),
      destination: this.#piecesOf(outgoing),
    });
  }

  /** Addresses that belong there, then those of others. */
  #piecesOf(place: Place | undefined): number[] {
    const own = place?.endpoint === undefined ? [] : [place.endpoint];
    const ends = [...own, ...this.#model.endpoints].flatMap((endpoint) => endpoint.addresses);
    const ofFamily = ends.filter((address) => familyOf(address) === this.#addresses.family);
    return ofFamily.map((address) => this.#addresses.pieceOf(address));
  }

  /**
   * What is forwarded between host interfaces and belongs to no connection nor begins one may pass or not: no policy judges it.
   * It passes where no host endpoint has a policy for it, and where one has it is dropped.
   */
  #judged(node: Node, ...places: readonly Place[]): Node {
    const logic = this.#logic;
    if (places.some(({ kind }) => kind === "workload")) return node;
    const invalid = logic.where(dimension.state, STATES.length, (state) => STATES[state] === "invalid");
    return logic.sequence(logic.rule(invalid, logic.accept), node);
  }
}

/** Where packets come in and go out; undefined: the host itself. */
interface Ends {
  readonly incoming?: Place;
  readonly outgoing?: Place;
}

/** A workload's address is behind its interface, and everything else behind the host's own. */
function isAt({ kind, endpoint }: Place, address: Address, { endpoints }: PolicyModel): boolean {
  const has = (one: Endpoint | undefined) =>
    one?.kind === "workload" && one.addresses.some((own) => compareAddresses(own, address) === 0);
  return kind === "workload" ? has(endpoint) : !endpoints.some(has);
}
