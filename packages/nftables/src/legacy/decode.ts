import { origin } from "@ocicat/kit";
import { addressFromBytes, type Family, Prefix } from "@ocicat/net";
import { AttributeWriter } from "@ocicat/netlink";
import { baseChain, type Chain, type Hook, chain as regularChain } from "../ir/chain.ts";
import { type Expression, equal, notEqual, opaque, verdict } from "../ir/expression.ts";
import { meta, payload } from "../ir/operand.ts";
import { type Rule, rule } from "../ir/rule.ts";
import { type Table, table } from "../ir/table.ts";
import { interfaceName, interfacePrefix, number, prefixValue } from "../ir/value.ts";
import { ACCEPT, DROP, goTo, jump, RETURN, type Verdict } from "../ir/verdict.ts";
import { maskLength } from "../netlink/value.ts";

/*
 * A rule of iptables' old interface (<linux/netfilter_ipv4/ip_tables.h>, ip6_tables.h), in the machine's byte order:
 *
 *      +----------------------------+--------+-----------+----------+------+-----------+- - - - - -+- - - - - +
 *      | addresses and masks, names | cache  | target's  | next     | from | counters  | matches   | target   |
 *      | of interfaces and masks,   |        | place     | rule's   |      | (2 × 8)   |           |          |
 *      | protocol, flags, inverted  |        | (16 bits) | place    |      |           |           |          |
 *      +----------------------------+--------+-----------+----------+------+-----------+- - - - - -+- - - - - +
 * A match or target: its length (16 bits), name (29 bytes), revision (8 bits), its own struct.
 */
interface Layout {
  /** Bytes of an address. */
  readonly address: number;
  /** Where the names of interfaces begin: both names, both masks. */
  readonly interfaces: number;
  readonly protocol: number;
  readonly flags: number;
  readonly inverted: number;
  /** Where the target's place is said; the next rule's is 2 further on. */
  readonly target: number;
  /** Where matches begin. */
  readonly matches: number;
}

const LAYOUTS: Readonly<Record<Family, Layout>> = {
  4: { address: 4, interfaces: 16, protocol: 80, flags: 82, inverted: 83, target: 88, matches: 112 },
  6: { address: 16, interfaces: 64, protocol: 128, flags: 131, inverted: 132, target: 140, matches: 168 },
};

const NAME_BYTES = 16;
const EXTENSION = { name: 2, revision: 31, info: 32 } as const;
/** What is inverted. */
const INVERTED = { incoming: 0x01, outgoing: 0x02, source: 0x08, destination: 0x10, protocol: 0x40 } as const;
/** Of the flags: a jump that does not come back. IPv6 has one more: the protocol is looked at. */
const GOTO: Readonly<Record<Family, number>> = { 4: 0x02, 6: 0x04 };

const HOOKS: readonly Hook[] = ["prerouting", "input", "forward", "output", "postrouting"];
/** NF_IP_PRI_*: by table. */
const PRIORITIES: Readonly<Record<string, number>> = { raw: -300, mangle: -150, nat: -100, filter: 0, security: 50 };

export interface LegacyTable {
  readonly family: Family;
  readonly name: string;
  readonly hooks: readonly ({ readonly entry: number; readonly policy: number } | undefined)[];
  readonly entries: Uint8Array;
}

/** A table of iptables' old interface in the model of nftables, chains by iptables' names. Extensions are opaque. */
export function decodeLegacyTable(legacy: LegacyTable): Table {
  return table({
    family: legacy.family === 4 ? "ip" : "ip6",
    name: legacy.name,
    owned: false,
    origin: origin("iptables' old interface"),
    chains: new Reader(legacy).chains(),
  });
}

interface Entry {
  readonly at: number;
  readonly next: number;
  readonly matches: readonly Expression[];
  readonly target: { readonly name: string; readonly bytes: Uint8Array };
  readonly goes: boolean;
}

class Reader {
  readonly #legacy: LegacyTable;
  readonly #layout: Layout;
  readonly #view: DataView;
  readonly #entries: readonly Entry[];

  constructor(legacy: LegacyTable) {
    this.#legacy = legacy;
    this.#layout = LAYOUTS[legacy.family];
    const { buffer, byteOffset, length } = legacy.entries;
    this.#view = new DataView(buffer, byteOffset, length);
    this.#entries = this.#all();
  }

  /** At the hooks, from the entry to the policy; then those that begin with a head of theirs. */
  chains(): readonly Chain[] {
    const based = this.#legacy.hooks.flatMap((hook, index) => {
      const kind = HOOKS[index];
      if (hook === undefined || kind === undefined) return [];
      const policy = this.#entries.find(({ at }) => at === hook.policy);
      const rules = this.#entries.filter(({ at }) => at >= hook.entry && at < hook.policy);
      return [
        baseChain({
          name: kind.toUpperCase(),
          type: this.#legacy.name === "nat" ? "nat" : "filter",
          hook: kind,
          priority: PRIORITIES[this.#legacy.name] ?? 0,
          policy: policy !== undefined && this.#verdict(policy) === DROP ? "drop" : "accept",
          origin: origin(""),
          rules: rules.map((entry) => this.#rule(entry)),
        }),
      ];
    });
    const heads = this.#heads();
    const own = heads.map(({ name, at }, index) => {
      const end = heads[index + 1]?.at ?? Number.POSITIVE_INFINITY;
      // The last rule of each is its return, which the model has without a rule.
      const rules = this.#entries.filter((entry) => entry.at > at && entry.at < end).slice(0, -1);
      return regularChain({ name, origin: origin(""), rules: rules.map((entry) => this.#rule(entry)) });
    });
    return [...based, ...own.filter(({ name }) => name !== END)];
  }

  #all(): readonly Entry[] {
    const entries: Entry[] = [];
    for (let at = 0; at < this.#legacy.entries.length; at = entries.at(-1)?.next ?? at) {
      const entry = this.#entry(at);
      if (entry.next <= at) break;
      entries.push(entry);
    }
    return entries;
  }

  #heads(): readonly { readonly name: string; readonly at: number }[] {
    return this.#entries
      .filter(({ target }) => target.name === HEAD)
      .map(({ at, target }) => ({ at, name: text(target.bytes.subarray(EXTENSION.info)) }));
  }

  #entry(at: number): Entry {
    const { target, matches, flags } = this.#layout;
    const targetAt = at + this.#view.getUint16(at + target, true);
    const next = at + this.#view.getUint16(at + target + 2, true);
    const found: Expression[] = [...this.#header(at)];
    for (let place = at + matches; place < targetAt; place += this.#view.getUint16(place, true)) {
      found.push(extension("match", this.#bytes(place, this.#view.getUint16(place, true))));
      if (this.#view.getUint16(place, true) === 0) break;
    }
    const bytes = this.#bytes(targetAt, this.#view.getUint16(targetAt, true));
    return {
      at,
      next,
      matches: found,
      target: { name: text(bytes.subarray(EXTENSION.name, EXTENSION.revision)), bytes },
      goes: (this.#view.getUint8(at + flags) & GOTO[this.#legacy.family]) !== 0,
    };
  }

  #header(at: number): readonly Expression[] {
    const { address, interfaces, protocol, inverted } = this.#layout;
    const not = this.#view.getUint8(at + inverted);
    const fields =
      this.#legacy.family === 4 ? (["ip saddr", "ip daddr"] as const) : (["ip6 saddr", "ip6 daddr"] as const);
    const number16 = this.#view.getUint16(at + protocol, true);
    return [
      ...this.#interface("iifname", at + interfaces, (not & INVERTED.incoming) !== 0),
      ...this.#interface("oifname", at + interfaces + NAME_BYTES, (not & INVERTED.outgoing) !== 0),
      ...this.#network(fields[0], at, at + 2 * address, (not & INVERTED.source) !== 0),
      ...this.#network(fields[1], at + address, at + 3 * address, (not & INVERTED.destination) !== 0),
      ...(number16 === 0 ? [] : [compare((not & INVERTED.protocol) !== 0)(meta("l4proto"), number(number16))]),
    ];
  }

  #interface(field: "iifname" | "oifname", at: number, inverted: boolean): readonly Expression[] {
    const name = text(this.#bytes(at, NAME_BYTES));
    if (name === "") return [];
    // The mask covers a name with the NUL behind it; of one that ends in a plus, what stands before that.
    const covered = this.#bytes(at + 2 * NAME_BYTES, NAME_BYTES).filter((byte) => byte !== 0).length;
    const value = covered > name.length ? interfaceName(name) : interfacePrefix(name.slice(0, covered));
    return [compare(inverted)(meta(field), value)];
  }

  #network(
    field: "ip saddr" | "ip daddr" | "ip6 saddr" | "ip6 daddr",
    at: number,
    maskAt: number,
    inverted: boolean,
  ): readonly Expression[] {
    const { address } = this.#layout;
    const mask = this.#bytes(maskAt, address);
    const length = maskLength(mask);
    if (length === 0 && !inverted) return [];
    if (length === undefined) return [opaque("mask", mask)];
    return [
      compare(inverted)(payload(field), prefixValue(Prefix.of(addressFromBytes(this.#bytes(at, address)), length))),
    ];
  }

  #rule(entry: Entry): Rule {
    return rule(origin(""), ...entry.matches, ...this.#does(entry));
  }

  /** Nothing for a rule that only counts: its target is the next rule. */
  #does(entry: Entry): readonly Expression[] {
    const said = this.#verdict(entry);
    if (said === undefined) return [extension("target", entry.target.bytes)];
    return said === "next" ? [] : [verdict(said)];
  }

  /** Of the standard target, which has no name: a verdict below zero, or the place of the rule to go on with. */
  #verdict({ target, next, goes }: Entry): Verdict | "next" | undefined {
    if (target.name !== "") return undefined;
    const { bytes } = target;
    const code = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getInt32(EXTENSION.info, true);
    if (code < 0) return VERDICTS.get(code) ?? RETURN;
    if (code === next) return "next";
    const head = this.#heads().findLast(({ at }) => at < code);
    return goes ? goTo(head?.name ?? "") : jump(head?.name ?? "");
  }

  #bytes(at: number, length: number): Uint8Array {
    return this.#legacy.entries.subarray(at, at + length);
  }
}

/** The target of a chain's head, whose name stands behind it; and that of the table's end. */
const HEAD = "ERROR";
const END = "ERROR";

/** -NF_DROP - 1, -NF_ACCEPT - 1, XT_RETURN. */
const VERDICTS: ReadonlyMap<number, Verdict> = new Map([
  [-1, DROP],
  [-2, ACCEPT],
  [-5, RETURN],
]);

function compare(inverted: boolean): typeof equal {
  return inverted ? notEqual : equal;
}

function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return String.fromCharCode(...bytes.subarray(0, end < 0 ? bytes.length : end));
}

/** As nftables carries the same struct: name, revision, info. */
function extension(kind: "match" | "target", bytes: Uint8Array): Expression {
  const writer = new AttributeWriter(bytes.length + 64);
  writer.string(1, text(bytes.subarray(EXTENSION.name, EXTENSION.revision)));
  writer.u32be(2, bytes[EXTENSION.revision] ?? 0);
  writer.bytes(3, bytes.subarray(EXTENSION.info));
  return opaque(kind, writer.finish());
}
