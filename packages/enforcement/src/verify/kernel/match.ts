import {
  CT_STATES,
  type Expression,
  type NamedSet,
  type Operand,
  type PayloadField,
  renderExpression,
  type SetElement,
  type Table,
  type Value,
} from "@ocicat/nftables";
import type { Node } from "../space/diagram.ts";
import { type AddressRange, dimension, rangeOf, STATES } from "../space/header.ts";
import type { Logic, NumberRange } from "../space/logic.ts";
import type { Traffic } from "../traffic.ts";
import { isState } from "./state.ts";

/** NFPROTO_*. */
const NFPROTO = { 4: 2, 6: 10 } as const;

/** The protocols of whose packets these bytes mean this field (IANA, Assigned Internet Protocol Numbers). */
const NEEDS = {
  ports: [6, 17, 33, 132, 136],
  tcp: [6],
  icmp: [1],
  icmpv6: [58],
} as const;

/** Which dimension a field of the transport header is. */
const TRANSPORT: Partial<
  Record<PayloadField, { readonly of: keyof typeof dimension; readonly needs: keyof typeof NEEDS }>
> = {
  "th sport": { of: "sourcePort", needs: "ports" },
  "th dport": { of: "destinationPort", needs: "ports" },
  "tcp flags": { of: "tcpFlags", needs: "tcp" },
  "icmp type": { of: "icmpType", needs: "icmp" },
  "icmp code": { of: "icmpCode", needs: "icmp" },
  "icmpv6 type": { of: "icmpType", needs: "icmpv6" },
  "icmpv6 code": { of: "icmpCode", needs: "icmpv6" },
};

/** Which of the interfaces has been asked for: what was found without asking holds for all of them. */
export interface Asked {
  incoming: boolean;
  outgoing: boolean;
}

/** What expressions of the kernel's match, as diagrams. What this cannot understand is unknown, never a guess. */
export class Matcher {
  readonly #logic: Logic;
  readonly #sets: ReadonlyMap<string, NamedSet>;
  readonly #known = new Map<string, Node>();

  constructor(logic: Logic, table: Table) {
    this.#logic = logic;
    this.#sets = new Map(table.sets.map((set) => [set.name, set]));
  }

  set(name: string): NamedSet | undefined {
    return this.#sets.get(name);
  }

  /** Undefined for what matches nothing but does something. */
  match(expression: Expression, traffic: Traffic, asked: Asked): Node | undefined {
    switch (expression.kind) {
      case "compare":
        return this.#unless(expression.negated, this.#within(expression.left, [expression.right], traffic, asked));
      case "bits":
        return this.#unless(expression.negated, this.#bits(expression.left, expression.mask, expression.value));
      case "lookup":
        return this.#unless(expression.negated, this.#lookup(expression.set, expression.keys, traffic, asked));
      case "limit":
      case "ctCount":
        return this.#logic.unknown(`${renderExpression(expression)}: depends on what came before`);
      case "opaque":
        return this.#logic.unknown(`${expression.name}: an expression that is not known`);
      default:
        return undefined;
    }
  }

  /** Whether the key finds the element. */
  element(keys: readonly Operand[], { key }: SetElement, traffic: Traffic, asked: Asked): Node {
    const fields = keys.map((operand, index) => {
      const value = key[index];
      return value === undefined ? this.#logic.no : this.#within(operand, [value], traffic, asked);
    });
    return this.#logic.and(...fields);
  }

  #unless(negated: boolean, match: Node): Node {
    return negated ? this.#logic.not(match) : match;
  }

  #lookup(name: string, keys: readonly Operand[], traffic: Traffic, asked: Asked): Node {
    const set = this.#sets.get(name);
    if (set === undefined) return this.#logic.unknown(`@${name}: there is no such set`);
    if (isState(set)) return this.#logic.within(dimension.revoked, [{ first: 1, last: 1 }]);
    const interfaces = keys.some(({ kind, key }: { kind: string; key?: string }) => kind === "meta" && isName(key));
    const text = interfaces ? undefined : `${name} ${keys.map(operandText).join(" ")}`;
    const known = text === undefined ? undefined : this.#known.get(text);
    if (known !== undefined) return known;
    const match = this.#lookupIn(set, keys, traffic, asked);
    if (text !== undefined) this.#known.set(text, match);
    return match;
  }

  #lookupIn(set: NamedSet, keys: readonly Operand[], traffic: Traffic, asked: Asked): Node {
    const [only] = keys;
    if (keys.length === 1 && only !== undefined) {
      const values = set.elements.flatMap(({ key }) => key.slice(0, 1));
      return this.#within(only, values, traffic, asked);
    }
    return this.#logic.or(...set.elements.map((element) => this.element(keys, element, traffic, asked)));
  }

  /** What the operand reads is one of the values. */
  #within(operand: Operand, values: readonly Value[], traffic: Traffic, asked: Asked): Node {
    const logic = this.#logic;
    switch (operand.kind) {
      case "fib":
        return logic.unknown("fib: depends on routes");
      case "ct":
        if (operand.key !== "state") return logic.unknown(`ct ${operand.key}: depends on what came before`);
        return logic.where(dimension.state, STATES.length, (state) => isIn(values, stateBit(state)));
      case "meta":
        switch (operand.key) {
          case "iifname":
            asked.incoming = true;
            return logic.constant(values.some((value) => isNamed(value, traffic.incoming)));
          case "oifname":
            asked.outgoing = true;
            return logic.constant(values.some((value) => isNamed(value, traffic.outgoing)));
          case "nfproto":
            return logic.constant(isIn(values, NFPROTO[logic.addresses.family]));
          case "l4proto":
            return logic.within(dimension.protocol, numbers(values));
          case "mark":
            return logic.or(...values.flatMap((value) => (value.kind === "number" ? [this.#mark(value.number)] : [])));
          default:
            return logic.unknown(`meta ${operand.key}: not part of what is proved`);
        }
      case "payload":
        return this.#payload(operand.field, values);
    }
  }

  #mark(value: number): Node {
    return this.#logic.mark(0xffff_ffff, value);
  }

  #payload(field: PayloadField, values: readonly Value[]): Node {
    const logic = this.#logic;
    switch (field) {
      case "ip saddr":
      case "ip6 saddr":
        return this.#ofFamily(field, logic.address("source", ranges(values)));
      case "ip daddr":
      case "ip6 daddr":
        return this.#ofFamily(field, logic.address("destination", ranges(values)));
      default: {
        const transport = TRANSPORT[field];
        if (transport === undefined) return logic.unknown(`${field}: not part of what is proved`);
        return this.#ofProtocol(field, transport.needs, logic.within(dimension[transport.of], numbers(values)));
      }
    }
  }

  /** In the other family these bytes are another field. */
  #ofFamily(field: string, match: Node): Node {
    const family = field.startsWith("ip6") ? 6 : 4;
    return family === this.#logic.addresses.family
      ? match
      : this.#logic.unknown(`${field}: of an IPv${10 - family} packet`);
  }

  /** In other protocols these bytes are something else. */
  #ofProtocol(field: string, needs: keyof typeof NEEDS, match: Node): Node {
    const edges = NEEDS[needs].map((protocol) => ({ first: protocol, last: protocol, to: match }));
    const others = this.#logic.unknown(`${field}: of a protocol that has none`);
    return this.#logic.diagrams.choice(dimension.protocol, edges, others);
  }

  #bits(left: Operand, mask: number, value: number): Node {
    const logic = this.#logic;
    const holds = (bits: number) => (bits & mask) >>> 0 === value;
    if (left.kind === "meta" && left.key === "mark") return logic.mark(mask, value);
    if (left.kind === "ct" && left.key === "state") {
      return logic.where(dimension.state, STATES.length, (state) => holds(stateBit(state)));
    }
    if (left.kind === "payload" && left.field === "tcp flags") {
      return this.#ofProtocol("tcp flags", "tcp", logic.where(dimension.tcpFlags, 256, holds));
    }
    return logic.unknown(`${operandText(left)}: bits of it are not part of what is proved`);
  }
}

function isName(key: string | undefined): boolean {
  return key === "iifname" || key === "oifname";
}

function operandText(operand: Operand): string {
  return operand.kind === "payload" ? operand.field : `${operand.kind} ${operand.key}`;
}

function stateBit(state: number): number {
  return CT_STATES[STATES[state] ?? "new"];
}

function isNamed(value: Value, name: string): boolean {
  if (value.kind === "interfacePrefix") return name.startsWith(value.prefix);
  return value.kind === "interface" && value.name === name;
}

function isIn(values: readonly Value[], number: number): boolean {
  return numbers(values).some(({ first, last }) => first <= number && number <= last);
}

function numbers(values: readonly Value[]): NumberRange[] {
  return values.flatMap((value) => {
    if (value.kind === "number") return [{ first: value.number, last: value.number }];
    return value.kind === "numberRange" ? [value] : [];
  });
}

/** Every address that the values name. */
export function ranges(values: readonly Value[]): AddressRange[] {
  return values.flatMap((value) => {
    if (value.kind === "prefix") return [rangeOf(value.prefix)];
    return value.kind === "addressRange" ? [value] : [];
  });
}
