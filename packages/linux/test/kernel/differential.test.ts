import { type Random, seededRandom } from "@ocicat/kit";
import { formatAddress, Prefix, parseAddress, parseMac, parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import {
  FakeKernel,
  type Kernel,
  type KernelOperation,
  type LinkAddress,
  type NextHop,
  openKernel,
  type Route,
  type RouteKind,
} from "../../src/index.ts";
import { cleanup, testNetns } from "../helpers.ts";

/*
 * Random operations on the fake and on the kernel this runs on, side by side: each must be answered by the same errno, and
 * leave the same links, addresses, routes, neighbours and rules. The domains are small, so that operations meet.
 */
const SEEDS = 12;
const OPERATIONS = 150;

const LINKS = ["oct0", "oct1", "oct2"];
const ADDRESSES = ["192.0.2.1/24", "192.0.2.2/24", "192.0.2.3/25", "10.0.0.1/32", "198.18.0.1/30", "2001:db8::1/64"];
const ADDRESSES6 = ["2001:db8::1/64", "2001:db8:1::1/128", "2001:db8::2/64"];
const GATEWAYS4 = ["192.0.2.9", "198.18.0.2", "10.9.9.9"];
const GATEWAYS6 = ["2001:db8::9", "2001:db8:1::9", "fe80::1", "2001:db8::1"];
const DESTINATIONS4 = ["0.0.0.0/0", "10.244.0.0/26", "10.244.0.1/32", "10.9.9.9/32"];
const DESTINATIONS6 = ["::/0", "2001:db8:a::/64", "2001:db8:a::1/128"];
const KINDS: readonly RouteKind[] = ["unicast", "unicast", "unicast", "blackhole", "prohibit", "unreachable"];

class Dice {
  readonly #random: Random;
  constructor(random: Random) {
    this.#random = random;
  }
  below(limit: number): number {
    return this.#random.uint32() % limit;
  }
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
  of<T>(choices: readonly T[]): T {
    const choice = choices[this.below(choices.length)];
    if (choice === undefined) throw new RangeError("nothing to choose from");
    return choice;
  }
}

/** Mostly a link that is there; not the loopback device, which nobody programs. */
function linkIndex(dice: Dice, kernel: Kernel): number {
  const indexes = kernel.links().flatMap((link) => (link.loopback ? [] : [link.index]));
  return indexes.length === 0 || dice.chance(3) ? 99 : dice.of(indexes);
}

function address(dice: Dice, kernel: Kernel): LinkAddress {
  const [host = "", length] = dice.of([...ADDRESSES, ...ADDRESSES6]).split("/");
  return { linkIndex: linkIndex(dice, kernel), address: parseAddress(host), prefixLength: Number(length), scope: 0 };
}

function nextHop(dice: Dice, kernel: Kernel, gateways: readonly string[]): NextHop {
  const via = dice.chance(70) ? parseAddress(dice.of(gateways)) : undefined;
  const onlink = via !== undefined && dice.chance(25);
  return { via, linkIndex: linkIndex(dice, kernel), weight: 1, onlink };
}

function route(dice: Dice, kernel: Kernel): Route {
  const four = dice.chance(65);
  const kind = dice.of(KINDS);
  const nextHops = Array.from({ length: dice.chance(20) ? 2 : 1 }, () =>
    nextHop(dice, kernel, four ? GATEWAYS4 : GATEWAYS6),
  );
  const direct = nextHops.every((hop) => hop.via === undefined);
  return {
    kind,
    destination: parsePrefix(dice.of(four ? DESTINATIONS4 : DESTINATIONS6)),
    table: dice.chance(85) ? 254 : 100,
    protocol: dice.chance(80) ? 12 : 80,
    scope: four && kind === "unicast" && direct ? 253 : 0,
    metric: dice.chance(80) ? 0 : 50,
    preferredSource: four && dice.chance(15) ? parseAddress("10.0.0.1") : undefined,
    nextHops: kind === "unicast" ? distinct(nextHops) : [],
    mtu: dice.chance(10) ? 1400 : undefined,
  };
}

/** IPv6 refuses the same next hop twice, IPv4 does not: no fact worth imitating. */
function distinct(hops: readonly NextHop[]): NextHop[] {
  const [first, second] = hops;
  const same = first !== undefined && first.via === second?.via && first.linkIndex === second?.linkIndex;
  return same ? hops.slice(0, 1) : [...hops];
}

function traffic(dice: Dice, linkIndex: number, to: number): KernelOperation {
  const bucket = { rate: dice.of([125_000, 1_250_000]), burst: 32_768, limit: 64_000, peak: undefined };
  const priority = 1 + dice.below(2);
  return dice.of<KernelOperation>([
    { op: "link.ifb", name: "octifb" },
    { op: "qdisc.tbf", linkIndex, major: 1 + dice.below(2), bucket },
    { op: "qdisc.ingress", linkIndex },
    { op: "qdisc.delete", linkIndex, which: dice.of(["root", "ingress"]) },
    { op: "filter.redirect", linkIndex, priority, to },
    { op: "filter.delete", linkIndex, priority },
  ]);
}

function operation(dice: Dice, kernel: Kernel): KernelOperation {
  const index = linkIndex(dice, kernel);
  const name = dice.of(LINKS);
  const mac = parseMac(dice.of(["02:00:00:00:00:01", "ee:ee:ee:ee:ee:ee"]));
  const neighbour = {
    linkIndex: index,
    address: parseAddress(dice.of(["192.0.2.9", "2001:db8::9"])),
    mac,
    state: 0x80,
  };
  const rule = {
    family: 4,
    priority: 100 + dice.below(3),
    table: dice.of([100, 1000]),
    source: dice.chance(50) ? parsePrefix("10.0.0.0/8") : undefined,
    destination: undefined,
    mark: undefined,
    markMask: undefined,
    protocol: 12,
  } as const;
  const up = dice.chance(75);
  // An ifb takes an MTU that leaves no room for IP, and loses its addresses: no fact worth imitating.
  const mtus = kernel.links().some((link) => link.index === index && link.kind === "ifb") ? [1400] : [1280, 1400, 60];
  return dice.of<KernelOperation>([
    { op: "link.veth", veth: { name, mac, up, peer: { name: dice.of([`${name}p`, "octp"]), mac } } },
    { op: "link.bridge", name: "octbr", mac },
    { op: "link.set", index, change: { up } },
    { op: "link.set", index, change: { up: true } },
    { op: "link.set", index, change: { mtu: dice.of(mtus) } },
    dice.chance(30) ? { op: "link.delete", index } : { op: "link.set", index, change: { up: true } },
    { op: "address.add", address: address(dice, kernel) },
    { op: "address.add", address: address(dice, kernel) },
    { op: "address.delete", address: address(dice, kernel) },
    { op: "route.replace", route: route(dice, kernel) },
    { op: "route.replace", route: route(dice, kernel) },
    { op: "route.replace", route: route(dice, kernel) },
    { op: "route.delete", route: route(dice, kernel) },
    { op: "neighbour.replace", neighbour },
    { op: "neighbour.delete", neighbour },
    { op: "rule.add", rule },
    { op: "rule.delete", rule },
    traffic(dice, index, linkIndex(dice, kernel)),
    traffic(dice, index, linkIndex(dice, kernel)),
  ]);
}

/** What must agree, in an order that does not depend on how a kernel lists it. */
function state(kernel: Kernel): string[] {
  const hop = ({ via, linkIndex: index, weight, onlink }: NextHop) =>
    `${via === undefined ? "-" : formatAddress(via)}@${index}*${weight}${onlink ? "!" : ""}`;
  const text = (entry: Route) =>
    `${entry.kind} ${entry.destination} table ${entry.table} proto ${entry.protocol} scope ${entry.scope} metric ${entry.metric} ` +
    `src ${entry.preferredSource === undefined ? "-" : formatAddress(entry.preferredSource)} mtu ${entry.mtu} ${entry.nextHops.map(hop).join(" ")}`;
  return [
    ...kernel
      .links()
      .map(
        (link) =>
          `link ${link.index} ${link.name} ${link.kind} ${link.mtu} ${link.up} ${link.running} ${link.peerIndex}`,
      ),
    ...kernel
      .addresses()
      .map((entry) => `address ${formatAddress(entry.address)}/${entry.prefixLength} ${entry.linkIndex} ${entry.scope}`)
      .toSorted(),
    ...([4, 6] as const).flatMap((family) => kernel.routes(family).map(text).toSorted()),
    ...kernel
      .neighbours()
      .filter((entry) => entry.state === 0x80)
      .map((entry) => `neighbour ${formatAddress(entry.address)} ${entry.linkIndex} ${entry.mac}`)
      .toSorted(),
    ...kernel.rules(4).map((rule) => `rule ${rule.priority} ${rule.table} ${rule.source}`),
    ...kernel
      .qdiscs()
      .map(({ linkIndex: index, kind, major, bucket }) => `qdisc ${index} ${kind} ${major} ${bucket?.rate}`)
      .toSorted(),
    ...kernel
      .links()
      .flatMap(({ index }) => kernel.ingressFilters(index))
      .map(({ linkIndex: index, priority, to }) => `filter ${index} ${priority} ${to}`),
  ];
}

/** The first thing that differs, with what led to it; undefined if nothing does. */
function firstDifference(seed: number, real: Kernel): string | undefined {
  const fake = new FakeKernel();
  const dice = new Dice(seededRandom(seed));
  for (const kernel of [real, fake]) {
    // The kernel's own link-local addresses come at times of its own.
    kernel.writeSysctl("net/ipv6/conf/default/addr_gen_mode", "1");
    kernel.apply([{ op: "link.set", index: 1, change: { up: true } }]);
  }
  const history: string[] = [];
  for (let step = 0; step < OPERATIONS; step++) {
    const next = operation(dice, fake);
    const before = state(real);
    const [wanted] = real.apply([next]);
    const [answered] = fake.apply([next]);
    history.push(`${JSON.stringify(next, plain)}: ${wanted?.errno ?? "done"} ${wanted?.message ?? ""}`);
    const there = state(real);
    const here = state(fake);
    const missing = there.filter((line) => !here.includes(line)).map((line) => `  only the kernel's: ${line}`);
    const surplus = here.filter((line) => !there.includes(line)).map((line) => `  only the fake's: ${line}`);
    if (answered?.errno === wanted?.errno && missing.length + surplus.length === 0) continue;
    const outcome = `answered ${answered?.errno ?? "done"}, not ${wanted?.errno ?? "done"}`;
    return [...history.slice(-8), outcome, ...missing, ...surplus, "before it:", ...before].join("\n");
  }
  return undefined;
}

describe("the fake beside the real kernel", () => {
  it.each(Array.from({ length: SEEDS }, (_, seed) => seed))("answers and ends alike, seed %i", (seed) => {
    const real = openKernel({ namespace: testNetns().handle });
    cleanup(() => real.close());
    expect(firstDifference(seed, real) ?? "").toBe("");
  });
});

function plain(_key: string, value: unknown): unknown {
  return value instanceof Prefix || typeof value === "bigint" ? String(value) : value;
}
