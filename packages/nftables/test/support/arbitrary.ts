import { type Origin, origin } from "@ocicat/kit";
import { type Address, type Family, type Ipv4, type Ipv6, Prefix } from "@ocicat/net";
import {
  ACCEPT,
  addressRange,
  baseChain,
  bits,
  type Chain,
  COUNTER,
  CT_STATES,
  type CtState,
  chain,
  ct,
  ctState,
  type DataType,
  DROP,
  type Expression,
  element,
  elementKey,
  equal,
  goTo,
  type Hook,
  inSet,
  interfaceName,
  interfacePrefix,
  jump,
  type LimitUnit,
  limit,
  masquerade,
  meta,
  type NamedSet,
  notEqual,
  notInSet,
  number,
  numberRange,
  type Operand,
  payload,
  prefixValue,
  RETURN,
  type Rule,
  rule,
  type SetElement,
  set,
  type Table,
  type TableFamily,
  table,
  type Value,
  type Verdict,
  verdict,
  verdictFrom,
  verdictMap,
} from "@ocicat/nftables";
import fc from "fast-check";

/** Tables of every kind that the model can express and checkTable takes. */

const NAMES = ["alpha", "beta", "gamma", "delta"] as const;
type RoutedFamily = Extract<TableFamily, "ip" | "ip6" | "inet">;

export const origins: fc.Arbitrary<Origin> = fc
  .record({
    reason: fc.constantFrom("because of a test", "another reason", "a third one, somewhat longer than the others are"),
    resources: fc.array(
      fc.record({
        kind: fc.constantFrom("IPPool", "WorkloadEndpoint"),
        name: fc.stringMatching(/^[a-z0-9./-]{1,60}$/),
      }),
      { maxLength: 2 },
    ),
  })
  .map(({ reason, resources }) => origin(reason, ...resources));

const addresses: Readonly<Record<Family, fc.Arbitrary<Address>>> = {
  4: fc
    .oneof(fc.integer({ min: 0, max: 0xffff_ffff }), fc.constantFrom(0, 1, 0xffff_fffe, 0xffff_ffff))
    .map((value) => value as Ipv4),
  6: fc
    .oneof(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), fc.constantFrom(0n, 1n, (1n << 128n) - 1n))
    .map((value) => value as Ipv6),
};

function prefixes(family: Family, shortest: number): fc.Arbitrary<Prefix> {
  return fc
    .tuple(addresses[family], fc.integer({ min: shortest, max: family === 4 ? 32 : 128 }))
    .map(([address, length]) => Prefix.of(address, length));
}

const interfaceNames = fc.stringMatching(/^[a-z][a-z0-9._-]{0,13}[a-z0-9]$/);

const POINTS: Readonly<Record<DataType, fc.Arbitrary<Value>>> = {
  ifname: interfaceNames.map(interfaceName),
  ipv4_addr: addresses[4].map((address) => prefixValue(Prefix.host(address))),
  ipv6_addr: addresses[6].map((address) => prefixValue(Prefix.host(address))),
  inet_proto: fc.oneof(fc.constantFrom(1, 6, 17, 58, 132), fc.integer({ min: 0, max: 255 })).map(number),
  inet_service: fc.integer({ min: 0, max: 0xffff }).map(number),
  mark: fc.integer({ min: 0, max: 0xffff_ffff }).map(number),
  nf_proto: fc.constantFrom(2, 10).map(number),
  ct_state: fc.constantFrom(1, 2, 4, 8, 64).map(number),
  devgroup: fc.integer({ min: 0, max: 0xffff_ffff }).map(number),
};

type IntervalType = "ipv4_addr" | "ipv6_addr" | "inet_service";

const INTERVALS: Readonly<Record<IntervalType, fc.Arbitrary<Value>>> = {
  ipv4_addr: fc.oneof(prefixes(4, 0).map(prefixValue), ranges(4)),
  ipv6_addr: fc.oneof(prefixes(6, 0).map(prefixValue), ranges(6)),
  inet_service: fc
    .tuple(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0, max: 0xffff }))
    .map(([a, b]) => numberRange(Math.min(a, b), Math.max(a, b))),
};

function ranges(family: Family): fc.Arbitrary<Value> {
  return fc
    .tuple(addresses[family], addresses[family])
    .map(([a, b]) => (a <= b ? addressRange(a, b) : addressRange(b, a)));
}

/** Of an interval, as far as to tell overlaps. */
function bounds(value: Value): readonly [bigint, bigint] {
  switch (value.kind) {
    case "prefix":
      return [BigInt(value.prefix.address), BigInt(value.prefix.last)];
    case "addressRange":
    case "numberRange":
      return [BigInt(value.first), BigInt(value.last)];
    case "number":
      return [BigInt(value.number), BigInt(value.number)];
    case "interface":
    case "interfacePrefix":
      throw new Error(`${value.kind} has no bounds`);
  }
}

function withoutOverlaps(values: readonly Value[]): readonly Value[] {
  const kept: Value[] = [];
  for (const value of values) {
    const [first, last] = bounds(value);
    if (kept.every((other) => last < bounds(other)[0] || first > bounds(other)[1])) kept.push(value);
  }
  return kept;
}

function verdicts(targets: readonly string[]): fc.Arbitrary<Verdict> {
  const ends = fc.constantFrom(ACCEPT, DROP, RETURN);
  return targets.length === 0
    ? ends
    : fc.oneof(ends, fc.constantFrom(...targets).map(jump), fc.constantFrom(...targets).map(goTo));
}

function hashSets(targets: readonly string[]): fc.Arbitrary<(name: string) => NamedSet> {
  const keys: fc.Arbitrary<readonly DataType[]> = fc.oneof(
    fc.constantFrom<DataType[]>(["ifname"], ["ipv4_addr"], ["ipv6_addr"], ["inet_service"], ["mark"], ["inet_proto"]),
    fc.constantFrom<DataType[]>(
      ["ipv4_addr", "inet_proto", "inet_service"],
      ["ifname", "mark"],
      ["ipv6_addr", "inet_proto", "inet_service"],
      ["inet_proto", "inet_service"],
    ),
  );
  return fc
    .tuple(keys, fc.boolean())
    .chain(([key, isMap]) =>
      fc.tuple(
        fc.constant(key),
        fc.constant(isMap),
        origins,
        fc.array(
          fc
            .tuple(origins, fc.tuple(...key.map((type) => POINTS[type])), verdicts(targets))
            .map(([why, values, then]): SetElement => element(why, values, isMap ? then : undefined)),
          { maxLength: 6 },
        ),
      ),
    )
    .map(([key, isMap, why, elements]) => (name) => {
      const make = isMap ? verdictMap : set;
      const empty = make({ name, key, origin: why });
      const distinct = new Map(elements.map((one) => [elementKey(empty, one), one]));
      return make({ name, key, origin: why, elements: distinct.values() });
    });
}

const intervalSets: fc.Arbitrary<(name: string) => NamedSet> = fc
  .constantFrom<IntervalType>("ipv4_addr", "ipv6_addr", "inet_service")
  .chain((type) => fc.tuple(fc.constant(type), origins, fc.array(INTERVALS[type], { maxLength: 6 }), origins))
  .map(
    ([type, why, values, elementWhy]) =>
      (name) =>
        set({
          name,
          key: type,
          interval: true,
          origin: why,
          elements: withoutOverlaps(values).map((value) => element(elementWhy, value)),
        }),
  );

function matches(
  family: RoutedFamily,
  hook: Hook | undefined,
  sets: readonly NamedSet[],
): fc.Arbitrary<readonly Expression[]> {
  const names = (["iifname", "oifname"] as const).filter((key) => {
    if (hook === undefined) return false;
    return key === "iifname" ? hook !== "output" : hook !== "prerouting" && hook !== "input";
  });
  const either = (operand: Operand, value: fc.Arbitrary<Value>): fc.Arbitrary<Expression> =>
    fc.tuple(fc.boolean(), value).map(([negated, right]) => (negated ? notEqual : equal)(operand, right));
  const protocol = family === "ip6" ? 6 : 4;
  const guardOf = (version: Family) =>
    family === "inet" ? [equal(meta("nfproto"), number(version === 4 ? 2 : 10))] : [];
  const addressMatch = (version: Family): fc.Arbitrary<readonly Expression[]> =>
    fc
      .tuple(
        fc.constantFrom(
          ...(version === 4 ? (["ip saddr", "ip daddr"] as const) : (["ip6 saddr", "ip6 daddr"] as const)),
        ),
        prefixes(version, 1),
        fc.boolean(),
      )
      .map(([field, prefix, negated]) => [
        ...guardOf(version),
        (negated ? notEqual : equal)(payload(field), prefixValue(prefix)),
      ]);
  const portMatch: fc.Arbitrary<readonly Expression[]> = fc
    .tuple(fc.constantFrom(6, 17), fc.constantFrom("th sport", "th dport"), INTERVALS.inet_service, fc.boolean())
    .map(([l4, field, value, negated]) => [
      equal(meta("l4proto"), number(l4)),
      (negated ? notEqual : equal)(payload(field), value),
    ]);
  const one = (expression: fc.Arbitrary<Expression>) => expression.map((value): readonly Expression[] => [value]);
  const choices: fc.Arbitrary<readonly Expression[]>[] = [
    addressMatch(family === "inet" ? 6 : protocol),
    addressMatch(protocol),
    portMatch,
    one(either(meta("mark"), POINTS.mark)),
    one(either(ct("mark"), POINTS.mark)),
    one(either(meta("l4proto"), POINTS.inet_proto)),
    one(
      fc
        .tuple(fc.constantFrom(meta("mark"), ct("mark")), fc.nat(), fc.nat(), fc.boolean())
        .map(([left, mask, value, negated]) => bits(left, mask, value & mask, negated)),
    ),
    one(
      fc
        .subarray(Object.keys(CT_STATES) as CtState[], { minLength: 1 })
        .map((states): Expression => ctState(...states)),
    ),
    one(
      fc
        .tuple(
          // A week of nanoseconds times this and the burst stays within 64 bits.
          fc.bigInt({ min: 1n, max: 20_000n }),
          fc.constantFrom<LimitUnit>("second", "minute", "hour", "day", "week"),
          fc.constantFrom("packets", "bytes"),
          fc.integer({ min: 1, max: 10_000 }),
          fc.boolean(),
        )
        .map(([rate, unit, of, burst, over]): Expression => limit(rate, unit, { of, burst, over })),
    ),
    ...names.flatMap((key) => [
      one(either(meta(key), POINTS.ifname)),
      one(
        either(
          meta(key),
          interfaceNames.map((name) => interfacePrefix(name.slice(0, 14))),
        ),
      ),
    ]),
    ...sets.flatMap((looked) => lookups(family, names, looked)),
  ];
  return fc.oneof(...choices);
}

/** A look-up of the set, if this table has packets with such a key. */
function lookups(
  family: RoutedFamily,
  names: readonly ("iifname" | "oifname")[],
  looked: NamedSet,
): fc.Arbitrary<readonly Expression[]>[] {
  const operandFor = (type: DataType): Operand | undefined => {
    switch (type) {
      case "ifname":
        return names[0] && meta(names[0]);
      case "ipv4_addr":
        return family === "ip6" ? undefined : payload("ip saddr");
      case "ipv6_addr":
        return family === "ip" ? undefined : payload("ip6 daddr");
      case "inet_proto":
        return meta("l4proto");
      case "inet_service":
        return payload("th dport");
      case "mark":
        return ct("mark");
      case "nf_proto":
        return meta("nfproto");
      case "ct_state":
        return ct("state");
      case "devgroup":
        return names[0] && meta(names[0] === "iifname" ? "iifgroup" : "oifgroup");
    }
  };
  const keys = looked.key.flatMap((type) => operandFor(type) ?? []);
  if (keys.length !== looked.key.length) return [];
  const before: Expression[] = [];
  if (family === "inet" && looked.key.includes("ipv4_addr")) before.push(equal(meta("nfproto"), number(2)));
  if (family === "inet" && looked.key.includes("ipv6_addr")) before.push(equal(meta("nfproto"), number(10)));
  if (looked.key.join() === "inet_service") before.push(equal(meta("l4proto"), number(17)));
  const found =
    looked.data === "verdict"
      ? [verdictFrom(keys, looked.name)]
      : [inSet(keys, looked.name), notInSet(keys, looked.name)];
  return [fc.constantFrom(...found).map((expression): readonly Expression[] => [...before, expression])];
}

function rules(
  family: RoutedFamily,
  hook: Hook | undefined,
  nat: boolean,
  sets: readonly NamedSet[],
  targets: readonly string[],
  maxMatches: number,
): fc.Arbitrary<Rule> {
  const ends: fc.Arbitrary<readonly Expression[]>[] = [
    verdicts(targets).map((then) => [verdict(then)]),
    fc.constant([COUNTER]),
    verdicts(targets).map((then) => [COUNTER, verdict(then)]),
  ];
  if (nat) ends.push(fc.boolean().map((fullyRandom) => [COUNTER, masquerade({ fullyRandom })]));
  return fc
    .tuple(origins, fc.array(matches(family, hook, sets), { maxLength: maxMatches }), fc.oneof(...ends))
    .map(([why, parts, end]) => rule(why, ...parts.flat(), ...end));
}

const HOOKS: readonly Hook[] = ["prerouting", "input", "forward", "output", "postrouting"];

interface Shape {
  readonly family: RoutedFamily;
  readonly name: string;
  /** Of a rule; with one only, no match can contradict another. */
  readonly maxMatches?: number;
}

/** A table of one shape: what a reconciler is given one after the other. */
export function tables({ family, name, maxMatches = 3 }: Shape): fc.Arbitrary<Table> {
  // Jumps go to regular chains further back only: no circles, and few levels.
  const regular = fc.subarray([...NAMES]);
  return regular
    .chain((targets) =>
      fc.tuple(
        fc.constant(targets),
        fc.array(fc.oneof(hashSets([]), hashSets([]), intervalSets), { maxLength: 3 }),
        fc.boolean().chain((more) => (more && targets.length > 0 ? hashSets(targets) : fc.constant(undefined))),
      ),
    )
    .chain(([targets, makers, dispatch]) => {
      const plain = makers.map((make, index) => make(`set${index}`));
      // A map that jumps is looked up from base chains only.
      const all = dispatch === undefined ? plain : [...plain, dispatch("dispatch")];
      const chains: fc.Arbitrary<Chain>[] = targets.map((at, index) =>
        fc
          .tuple(
            origins,
            fc.array(rules(family, undefined, false, plain, targets.slice(index + 1), maxMatches), { maxLength: 4 }),
          )
          .map(([why, body]) => chain({ name: at, origin: why, rules: body })),
      );
      const base = fc
        .tuple(fc.constantFrom(...HOOKS), fc.boolean(), origins, fc.constantFrom("accept", "drop"))
        .chain(([hook, nat, why, policy]): fc.Arbitrary<Chain> => {
          const isNat = nat && hook === "postrouting";
          return fc.array(rules(family, hook, isNat, all, targets, maxMatches), { maxLength: 6 }).map((body) =>
            baseChain({
              name: isNat ? "nat" : `on-${hook}`,
              type: isNat ? "nat" : "filter",
              hook,
              priority: isNat ? 100 : -5,
              policy: isNat ? "accept" : policy,
              origin: why,
              rules: body,
            }),
          );
        });
      return fc
        .tuple(origins, fc.tuple(...chains), fc.uniqueArray(base, { selector: (one) => one.name, maxLength: 3 }))
        .map(([why, regulars, bases]) =>
          table({ family, name, origin: why, sets: all, chains: [...bases, ...regulars] }),
        );
    });
}

export function anyTable(maxMatches = 3): fc.Arbitrary<Table> {
  return fc
    .constantFrom<RoutedFamily>("ip", "ip6", "inet")
    .chain((family) => tables({ family, name: "oct-any", maxMatches }));
}
