import type { PolicySettings, Stage } from "@ocicat/policy";
import { Protocol } from "@ocicat/policy";
import type { Node } from "../space/diagram.ts";
import { dimension, STATES, type State } from "../space/header.ts";
import { UNMARKED } from "../space/leaf.ts";
import type { Logic } from "../space/logic.ts";
import type { HostPlace, Place, WorkloadPlace } from "../traffic.ts";
import type { Stages } from "./stage.ts";

/** Bits of `tcp flags`. */
const SYN = 2;

/** Multicast listeners, router solicitation, neighbours: RFC 4861 §4, RFC 2710 §3. */
const DISCOVERY = [130, 131, 132, 133, 135, 136];

/**
 * What is to become of packets, by the model, on each side of their way: accept or drop for every one.
 *
 *     forward   by the interface they come in by: [host endpoint: untracked, pre-DNAT, forward] or [*: pre-DNAT, forward;
 *               workload: egress]; by the interface they go out by: [workload: ingress; *: forward] or [host endpoint: forward]
 *     input     the interface they come in by: [host endpoint: untracked, pre-DNAT, normal] or [*: pre-DNAT; workload: egress,
 *               then what settings say of workloads and their host]
 *     output    the interface they go out by: [host endpoint: untracked, normal]; to a workload everything
 *
 * Answers belong to connections that were allowed, and pass. What belongs to a connection that lost its permission does not.
 */
export class Expected {
  readonly #logic: Logic;
  readonly #stages: Stages;
  readonly #settings: PolicySettings;

  constructor(logic: Logic, stages: Stages, settings: PolicySettings) {
    this.#logic = logic;
    this.#stages = stages;
    this.#settings = settings;
  }

  forwardedFrom(place: Place): Node {
    const logic = this.#logic;
    if (place.kind === "workload") {
      return this.#ends(
        this.#answered,
        this.#fromEverywhere(place, true),
        this.#revoked,
        this.#invalid,
        this.#egress(place),
      );
    }
    return this.#ends(logic.called(this.#fromHost(place, "forward")), this.#revokedUnanswered);
  }

  forwardedTo(place: Place): Node {
    if (place.kind === "workload") {
      const ingress =
        place.endpoint === undefined ? this.#logic.drop : this.#stages.stage(place.endpoint, "ingress", "normal");
      return this.#ends(this.#answered, this.#invalid, this.#logic.passes(ingress), this.#toEverywhere(place));
    }
    if (place.endpoint === undefined) return this.#ends();
    return this.#ends(this.#answered, this.#logic.passes(this.#stages.stage(place.endpoint, "egress", "forward")));
  }

  received(place: Place): Node {
    const logic = this.#logic;
    if (place.kind === "host")
      return this.#ends(logic.called(this.#fromHost(place, "normal")), this.#revokedUnanswered);
    const toHost = this.#settings.endpointToHost;
    return this.#ends(
      this.#answered,
      this.#fromEverywhere(place, false),
      this.#revoked,
      logic.rule(this.#discovery(), logic.accept),
      ...(toHost === "drop" ? [logic.drop] : [this.#invalid, this.#egress(place)]),
    );
  }

  sent(place: Place): Node {
    const logic = this.#logic;
    if (place.kind === "workload" || place.endpoint === undefined) return this.#ends();
    return this.#ends(
      logic.answers(this.#stages.stage(place.endpoint, "egress", "untracked")),
      this.#answered,
      this.#revoked,
      this.#invalid,
      logic.passes(this.#stages.stage(place.endpoint, "egress", "normal")),
    );
  }

  /** Whoever is allowed at one stage, or answers, is not asked at those behind it: the chain returns. */
  #fromHost({ endpoint }: HostPlace, last: "normal" | "forward"): Node {
    const logic = this.#logic;
    if (endpoint === undefined) return logic.goesOn;
    return logic.sequence(
      logic.answers(this.#stages.stage(endpoint, "ingress", "untracked")),
      this.#answered,
      ...(last === "normal" ? [this.#invalid] : []),
      logic.answers(this.#stages.stage(endpoint, "ingress", "preDnat")),
      logic.answers(this.#stages.stage(endpoint, "ingress", last)),
    );
  }

  /** The endpoint of all interfaces has workloads' too, in what is forwarded and before destinations are translated. */
  #fromEverywhere({ everywhere }: WorkloadPlace, isForwarded: boolean): Node {
    const logic = this.#logic;
    if (everywhere === undefined) return logic.goesOn;
    const says = (stage: Stage) => logic.answers(this.#stages.stage(everywhere, "ingress", stage));
    const preDnat = logic.rule(logic.not(this.#discovery()), says("preDnat"));
    return logic.called(isForwarded ? logic.sequence(preDnat, says("forward")) : preDnat);
  }

  #toEverywhere({ everywhere }: WorkloadPlace): Node {
    const logic = this.#logic;
    return everywhere === undefined ? logic.goesOn : logic.passes(this.#stages.stage(everywhere, "egress", "forward"));
  }

  #egress({ endpoint }: WorkloadPlace): Node {
    const logic = this.#logic;
    if (endpoint === undefined) return logic.drop;
    return logic.passes(this.#stages.stage(endpoint, "egress", "normal"));
  }

  /** A chain that returns, or comes to its end, has dropped nothing. */
  #ends(...steps: readonly Node[]): Node {
    return this.#logic.atHook(this.#logic.sequence(...steps), "accept");
  }

  get #answered(): Node {
    return this.#logic.rule(this.#state("established", "related"), this.#logic.returns(UNMARKED));
  }

  get #invalid(): Node {
    if (!this.#settings.dropInvalid) return this.#logic.goesOn;
    return this.#logic.rule(this.#state("invalid"), this.#logic.drop);
  }

  get #revoked(): Node {
    const logic = this.#logic;
    const isTcp = logic.within(dimension.protocol, [{ first: Protocol.tcp, last: Protocol.tcp }]);
    const begins = logic.where(dimension.tcpFlags, 256, (flags) => (flags & SYN) !== 0);
    const isRevoked = logic.within(dimension.revoked, [{ first: 1, last: 1 }]);
    return logic.rule(logic.and(isTcp, logic.not(begins), isRevoked), logic.drop);
  }

  get #revokedUnanswered(): Node {
    return this.#logic.sequence(this.#answered, this.#revoked);
  }

  #discovery(): Node {
    const logic = this.#logic;
    if (logic.addresses.family === 4) return logic.no;
    const isIcmp = logic.within(dimension.protocol, [{ first: Protocol.icmpv6, last: Protocol.icmpv6 }]);
    return logic.and(
      isIcmp,
      logic.where(dimension.icmpType, 256, (type) => DISCOVERY.includes(type)),
    );
  }

  #state(...states: readonly State[]): Node {
    const logic = this.#logic;
    return logic.where(dimension.state, STATES.length, (state) => states.includes(STATES[state] ?? "new"));
  }
}
