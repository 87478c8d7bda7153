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
  ctCount,
  ctState,
  type DataType,
  DROP,
  type Expression,
  element,
  elementKey,
  equal,
  fib,
  goTo,
  type Hook,
  inSet,
  interfaceName,
  interfacePrefix,
  jump,
  type LimitUnit,
  LOG_LEVELS,
  limit,
  log,
  logTo,
  masquerade,
  meta,
  type NamedSet,
  NOTRACK,
  notEqual,
  notInSet,
  number,
  numberRange,
  type Operand,
  payload,
  prefixValue,
  REJECT_CODES,
  RETURN,
  type Rule,
  reject,
  renderExpression,
  rule,
  type SetElement,
  set,
  setDscp,
  setMark,
  type Table,
  type TableFamily,
  TCP_RESET,
  table,
  translate,
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
  ct_dir: fc.constantFrom(0, 1).map(number),
  ct_status: fc.constantFrom(1, 2, 4, 8, 16, 32).map(number),
  icmp_type: fc.integer({ min: 0, max: 255 }).map(number),
  icmp_code: fc.integer({ min: 0, max: 255 }).map(number),
  icmpv6_type: fc.integer({ min: 0, max: 255 }).map(number),
  icmpv6_code: fc.integer({ min: 0, max: 255 }).map(number),
  tcp_flag: fc.integer({ min: 0, max: 255 }).map(number),
  dscp: fc.integer({ min: 0, max: 63 }).map(number),
  boolean: fc.constantFrom(0, 1).map(number),
  fib_addrtype: fc.integer({ min: 1, max: 8 }).map(number),
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

/** In seconds; none goes while a test looks at it. 0: it stays. */
const timeouts = fc.constantFrom(0, 900, 3600, 86_400, 31_536_000);

function hashSets(targets: readonly string[], timed: boolean): fc.Arbitrary<(name: string) => NamedSet> {
  const keys: fc.Arbitrary<readonly DataType[]> = fc.oneof(
    fc.constantFrom<DataType[]>(["ifname"], ["ipv4_addr"], ["ipv6_addr"], ["inet_service"], ["mark"], ["inet_proto"]),
    fc.constantFrom<DataType[]>(
      ["ipv4_addr", "inet_proto", "inet_service"],
      ["ifname", "mark"],
      ["ipv6_addr", "inet_proto", "inet_service"],
      ["inet_proto", "inet_service"],
      ["ifname", "ipv4_addr"],
      ["ipv4_addr", "ipv4_addr", "inet_service", "inet_service"],
    ),
  );
  return fc
    .tuple(keys, fc.boolean(), timed ? fc.boolean() : fc.constant(false))
    .map(([key, isMap, mayGo]) => ({ key, isMap, timeout: mayGo && !isMap }))
    .chain(({ key, isMap, timeout }) =>
      fc.tuple(
        fc.constant({ key, isMap, timeout }),
        origins,
        fc.array(
          fc
            .tuple(origins, fc.tuple(...key.map((type) => POINTS[type])), verdicts(targets), timeouts)
            .map(([why, values, then, seconds]): SetElement => {
              return element(why, values, isMap ? then : undefined, timeout && seconds > 0 ? { timeout: seconds } : {});
            }),
          { maxLength: 6 },
        ),
      ),
    )
    .map(([{ key, isMap, timeout }, why, elements]) => (name) => {
      const make = isMap ? verdictMap : set;
      const empty = make({ name, key, timeout, origin: why });
      const distinct = new Map(elements.map((one) => [elementKey(empty, one), one]));
      return make({ name, key, timeout, origin: why, elements: distinct.values() });
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

const WITH_PORTS: readonly number[] = [6, 17, 132, 136];

/** Of which packets a rule is: of one family and, if given, one protocol, since nft refuses a rule of two. */
interface Kind {
  readonly version: Family;
  readonly layer4: number | undefined;
}

function kinds(family: RoutedFamily): fc.Arbitrary<Kind> {
  const versions: readonly Family[] = family === "inet" ? [4, 6] : [family === "ip" ? 4 : 6];
  return fc
    .constantFrom(...versions)
    .chain((version) =>
      fc.constantFrom(undefined, ...WITH_PORTS, version === 4 ? 1 : 58).map((layer4) => ({ version, layer4 })),
    );
}

function matches(
  family: RoutedFamily,
  hook: Hook | undefined,
  sets: readonly NamedSet[],
  { version, layer4 }: Kind,
): fc.Arbitrary<readonly Expression[]> {
  const names = (["iifname", "oifname"] as const).filter((key) => {
    if (hook === undefined) return false;
    return key === "iifname" ? hook !== "output" : hook !== "prerouting" && hook !== "input";
  });
  const either = (operand: Operand, value: fc.Arbitrary<Value>): fc.Arbitrary<Expression> =>
    fc.tuple(fc.boolean(), value).map(([negated, right]) => (negated ? notEqual : equal)(operand, right));
  const before = ofVersion(family, version);
  const ofProtocol = layer4 === undefined ? [] : [equal(meta("l4proto"), number(layer4))];
  const addressMatch: fc.Arbitrary<readonly Expression[]> = fc
    .tuple(
      fc.constantFrom(...(version === 4 ? (["ip saddr", "ip daddr"] as const) : (["ip6 saddr", "ip6 daddr"] as const))),
      prefixes(version, 1),
      fc.boolean(),
    )
    .map(([field, prefix, negated]) => [...before, (negated ? notEqual : equal)(payload(field), prefixValue(prefix))]);
  const portMatch: fc.Arbitrary<readonly Expression[]> = fc
    .tuple(fc.constantFrom("th sport", "th dport"), INTERVALS.inet_service, fc.boolean())
    .map(([field, value, negated]) => [...ofProtocol, (negated ? notEqual : equal)(payload(field), value)]);
  const icmp = version === 4 ? "icmp" : "icmpv6";
  const icmpMatch: fc.Arbitrary<readonly Expression[]> = fc
    .tuple(fc.constantFrom(["type"], ["code"], ["type", "code"]), POINTS.icmp_type, fc.boolean())
    .map(([fields, value, negated]) => [
      ...before,
      ...ofProtocol,
      ...fields.map((field) =>
        // Of two that are not, nft makes one: "not both".
        (negated && fields.length === 1 ? notEqual : equal)(
          payload(field === "type" ? `${icmp} type` : `${icmp} code`),
          value,
        ),
      ),
    ]);
  const flagsMatch: fc.Arbitrary<readonly Expression[]> = fc
    .tuple(fc.integer({ min: 1, max: 255 }), fc.nat({ max: 255 }), fc.boolean())
    .map(([mask, value, negated]) => [...ofProtocol, bits(payload("tcp flags"), mask, value & mask, negated)]);
  const dscpMatch: fc.Arbitrary<readonly Expression[]> = either(
    payload(version === 4 ? "ip dscp" : "ip6 dscp"),
    POINTS.dscp,
  ).map((match) => [...before, match]);
  const fibMatches: fc.Arbitrary<Expression>[] =
    hook === "prerouting"
      ? [
          POINTS.boolean.map((value) => equal(fib("saddr . iif oif"), value)),
          POINTS.boolean.map((value) => equal(fib("saddr . mark . iif oif"), value)),
          either(fib("daddr type"), POINTS.fib_addrtype),
        ]
      : [];
  const one = (expression: fc.Arbitrary<Expression>) => expression.map((value): readonly Expression[] => [value]);
  const choices: fc.Arbitrary<readonly Expression[]>[] = [
    addressMatch,
    ...(layer4 !== undefined && WITH_PORTS.includes(layer4) ? [portMatch] : []),
    ...(layer4 === 1 || layer4 === 58 ? [icmpMatch] : []),
    ...(layer4 === 6 ? [flagsMatch] : []),
    dscpMatch,
    ...fibMatches.map(one),
    one(either(ct("direction"), POINTS.ct_dir)),
    one(
      fc
        .tuple(fc.integer({ min: 1, max: 0x3f }), fc.nat({ max: 0x3f }), fc.boolean())
        .map(([mask, value, negated]) => bits(ct("status"), mask, value & mask, negated)),
    ),
    one(fc.tuple(fc.nat({ max: 1000 }), fc.boolean()).map(([count, over]): Expression => ctCount(count, { over }))),
    one(either(meta("mark"), POINTS.mark)),
    one(either(ct("mark"), POINTS.mark)),
    ...(layer4 === undefined ? [one(either(meta("l4proto"), POINTS.inet_proto))] : []),
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
    ...sets.flatMap((looked) => lookups(family, names, looked, { version, layer4 })),
  ];
  return fc.oneof(...choices);
}

/** A look-up of the set, if this table has packets with such a key. */
function lookups(
  family: RoutedFamily,
  names: readonly ("iifname" | "oifname")[],
  looked: NamedSet,
  { version, layer4 }: Kind,
): fc.Arbitrary<readonly Expression[]>[] {
  const operandFor = (type: DataType): Operand | undefined => {
    switch (type) {
      case "ifname":
        return names[0] && meta(names[0]);
      case "ipv4_addr":
        return version === 6 ? undefined : payload("ip saddr");
      case "ipv6_addr":
        return version === 4 ? undefined : payload("ip6 daddr");
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
      default:
        return undefined;
    }
  };
  const keys = looked.key.flatMap((type) => operandFor(type) ?? []);
  if (keys.length !== looked.key.length) return [];
  const before: Expression[] = [];
  if (family === "inet" && looked.key.includes("ipv4_addr")) before.push(equal(meta("nfproto"), number(2)));
  if (family === "inet" && looked.key.includes("ipv6_addr")) before.push(equal(meta("nfproto"), number(10)));
  if (looked.key.includes("inet_service") && !looked.key.includes("inet_proto")) {
    if (layer4 !== undefined && !WITH_PORTS.includes(layer4)) return [];
    before.push(equal(meta("l4proto"), number(layer4 ?? 17)));
  }
  const found =
    looked.data === "verdict"
      ? [verdictFrom(keys, looked.name)]
      : [inSet(keys, looked.name), notInSet(keys, looked.name)];
  return [fc.constantFrom(...found).map((expression): readonly Expression[] => [...before, expression])];
}

const marks: fc.Arbitrary<Expression> = fc
  .tuple(
    fc.constantFrom("meta", "ct"),
    fc.nat(),
    fc.oneof(fc.constant(0xffff_ffff), fc.integer({ min: 1, max: 0x7fff_ffff })),
  )
  .map(([of, value, mask]) => setMark(of, value, mask));

const logs: fc.Arbitrary<Expression> = fc.oneof(
  fc
    .tuple(fc.stringMatching(/^[ !#%-~]{0,127}$/), fc.constantFrom(...LOG_LEVELS))
    .map(([prefix, level]) => log(prefix, level)),
  fc
    .record({
      group: fc.integer({ min: 0, max: 0xffff }),
      prefix: fc.stringMatching(/^[A-Za-z0-9|./ -]{0,64}$/),
      snaplen: fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined }),
      queueThreshold: fc.option(fc.integer({ min: 1, max: 0xffff }), { nil: undefined }),
    })
    .map(({ group, prefix, ...options }) => logTo(group, prefix, options)),
);

/** What rules may do before they end. */
function steps(family: RoutedFamily, { version }: Kind): fc.Arbitrary<readonly Expression[]> {
  const dscp = fc
    .integer({ min: 0, max: 63 })
    .map((value) => [...ofVersion(family, version), setDscp(version === 4 ? "ip dscp" : "ip6 dscp", value)]);
  return fc.oneof(
    fc.constant([]),
    fc.constant([]),
    marks.map((one) => [one]),
    logs.map((one) => [one]),
    dscp,
  );
}

/** How else than by a verdict rules may end. */
function ends(
  family: RoutedFamily,
  hook: Hook | undefined,
  nat: boolean,
  { version, layer4 }: Kind,
): readonly fc.Arbitrary<readonly Expression[]>[] {
  const before = ofVersion(family, version);
  if (nat) {
    return [
      fc.boolean().map((fullyRandom) => [COUNTER, masquerade({ fullyRandom })]),
      addresses[version].map((address) => [...before, translate("source", address)]),
    ];
  }
  // A regular chain may be called from postrouting, where nothing can be rejected.
  if (hook === undefined || hook === "postrouting") return [];
  const how = version === 4 ? "icmp" : "icmpv6";
  return [
    ...(layer4 === 6 ? [fc.constant([equal(meta("l4proto"), number(6)), TCP_RESET])] : []),
    // nft 1.0.6 lists the others of icmpx by names that it does not read.
    ...(family === "inet"
      ? [fc.constantFrom("admin-prohibited", "port-unreachable").map((code) => [reject("icmpx", code)])]
      : []),
    fc.constantFrom(...Object.keys(REJECT_CODES[how])).map((code) => [...before, reject(how, code)]),
    ...(hook === "prerouting" ? [fc.constant([NOTRACK])] : []),
  ];
}

function ofVersion(family: RoutedFamily, version: Family): readonly Expression[] {
  return family === "inet" ? [equal(meta("nfproto"), number(version === 4 ? 2 : 10))] : [];
}

function rules(
  family: RoutedFamily,
  hook: Hook | undefined,
  nat: boolean,
  sets: readonly NamedSet[],
  targets: readonly string[],
  maxMatches: number,
): fc.Arbitrary<Rule> {
  const plainEnds: readonly fc.Arbitrary<readonly Expression[]>[] = [
    verdicts(targets).map((then) => [verdict(then)]),
    fc.constant([COUNTER]),
    verdicts(targets).map((then) => [COUNTER, verdict(then)]),
  ];
  return kinds(family)
    .chain((kind) =>
      fc.tuple(
        origins,
        fc.array(matches(family, hook, sets, kind), { maxLength: maxMatches }),
        steps(family, kind),
        fc.oneof(...plainEnds, ...plainEnds, ...ends(family, hook, nat, kind)),
      ),
    )
    .map(([why, parts, then, end]) => {
      return rule(why, ...onceEach([...parts.flat(), ...(end.some(alone) ? [] : then), ...end]));
    });
}

/**
 * What proves the packet's kind is there once, where nft puts it: its listing leaves it out where it follows from the rest. What
 * only the end needs comes first.
 */
function onceEach(body: readonly Expression[]): readonly Expression[] {
  const seen = new Set<string>();
  const once = body.filter((expression) => {
    const text = renderExpression(expression);
    const repeated = isProof(expression) && seen.has(text);
    seen.add(text);
    return !repeated;
  });
  if (!once.some(alone)) return once;
  return [...once.filter(isProof), ...once.filter((expression) => !isProof(expression))];
}

/** Ends before which nothing else is done, so that there is one order only. */
function alone({ kind }: Expression): boolean {
  return kind === "reject" || kind === "translate";
}

function isProof(expression: Expression): boolean {
  if (expression.kind !== "compare" || expression.negated || expression.left.kind !== "meta") return false;
  return expression.left.key === "nfproto" || expression.left.key === "l4proto";
}

const HOOKS: readonly Hook[] = ["prerouting", "input", "forward", "output", "postrouting"];

interface Shape {
  readonly family: RoutedFamily;
  readonly name: string;
  /** Of a rule; with one only, no match can contradict another. */
  readonly maxMatches?: number;
  /** With sets whose elements may go by themselves. */
  readonly timed?: boolean;
}

/** A table of one shape: what a reconciler is given one after the other. */
export function tables({ family, name, maxMatches = 3, timed = true }: Shape): fc.Arbitrary<Table> {
  // Jumps go to regular chains further back only: no circles, and few levels.
  const regular = fc.subarray([...NAMES]);
  return regular
    .chain((targets) =>
      fc.tuple(
        fc.constant(targets),
        fc.array(fc.oneof(hashSets([], timed), hashSets([], timed), intervalSets), { maxLength: 3 }),
        fc.boolean().chain((more) => (more && targets.length > 0 ? hashSets(targets, timed) : fc.constant(undefined))),
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
              // Before connection tracking, where notrack has a meaning.
              priority: isNat ? 100 : hook === "prerouting" ? -300 : -5,
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
