import { bitsOf, familyOf } from "@ocicat/net";
import type { KernelOperation, LinkChange, NextHop, Route, RouteKind, Rule } from "./kernel.ts";
import type { TokenBucket } from "./traffic.ts";

/*
 * What no kernel field can hold is refused here, by the real kernel's driver and the fake alike, before anything is sent:
 * an encoder that wrapped it to 8 or 16 bits would ask for something else.
 */

/** The reason why the operation cannot be put to the kernel; undefined if it can. */
export function objectionTo(operation: KernelOperation): string | undefined {
  return objections(operation).find((reason) => reason !== undefined);
}

type Objection = string | undefined;

function objections(operation: KernelOperation): Objection[] {
  switch (operation.op) {
    case "route.replace":
      return [leadsAsItsKind(operation.route), ...route(operation.route)];
    case "route.delete":
      return route(operation.route);
    case "address.add":
    case "address.delete": {
      const { address, linkIndex, prefixLength, scope } = operation.address;
      const bits = bitsOf(familyOf(address));
      return [index(linkIndex), within("prefix length", prefixLength, 0, bits), within("scope", scope, 0, 255)];
    }
    case "neighbour.replace":
    case "neighbour.delete":
      return [index(operation.neighbour.linkIndex), within("state", operation.neighbour.state, 0, 0xffff)];
    case "fdb.replace":
    case "fdb.delete":
      return [index(operation.entry.linkIndex)];
    case "rule.add":
    case "rule.delete":
      return rule(operation.rule);
    case "link.set":
      return [index(operation.index), ...change(operation.change)];
    case "link.veth": {
      const { name: own, mtu: ownMtu, peer } = operation.veth;
      return [name(own), name(peer.name), mtu(ownMtu), mtu(peer.mtu), descriptor(peer.namespaceFd)];
    }
    case "link.bridge":
      return [name(operation.name), mtu(operation.mtu)];
    case "link.vxlan": {
      const { name: own, id, port, mtu: ownMtu, parent } = operation.vxlan;
      return [
        name(own),
        within("VNI", id, 1, 0xff_ffff),
        within("port", port, 1, 0xffff),
        mtu(ownMtu),
        parent === undefined ? undefined : index(parent),
      ];
    }
    case "link.ipip":
      return [name(operation.ipip.name), mtu(operation.ipip.mtu)];
    case "link.ifb":
      return [name(operation.name), mtu(operation.mtu)];
    case "link.delete":
      return [index(operation.index)];
    case "qdisc.tbf":
      return [
        index(operation.linkIndex),
        within("major number", operation.major, 1, 0xfffe),
        ...bucket(operation.bucket),
      ];
    case "qdisc.ingress":
    case "qdisc.delete":
      return [index(operation.linkIndex)];
    case "filter.redirect":
      return [index(operation.linkIndex), index(operation.to), priority(operation.priority)];
    case "filter.delete":
      return [index(operation.linkIndex), priority(operation.priority)];
  }
}

/** Routes of these kinds end where they are. */
export const LEADS_NOWHERE: ReadonlySet<RouteKind> = new Set(["blackhole", "unreachable", "prohibit", "throw"]);

function leadsAsItsKind({ kind, destination, nextHops }: Route): Objection {
  if (kind === "unicast" && nextHops.length === 0) return "a unicast route needs a next hop";
  if (LEADS_NOWHERE.has(kind) && nextHops.length > 0) return `a ${kind} route has no next hop`;
  // Linux 6.18 refuses it, 6.1 takes it.
  const shares = destination.family === 6 && nextHops.length > 1;
  return shares && nextHops.some(({ via }) => via === undefined)
    ? "each of several IPv6 next hops needs a gateway"
    : undefined;
}

function route(given: Route): Objection[] {
  return [
    within("table", given.table, 1, 0xffff_ffff),
    within("protocol", given.protocol, 0, 255),
    within("scope", given.scope, 0, 255),
    within("metric", given.metric, 0, 0xffff_ffff),
    mtu(given.mtu),
    given.preferredSource !== undefined && familyOf(given.preferredSource) !== given.destination.family
      ? "the preferred source is of another family"
      : undefined,
    ...given.nextHops.flatMap((hop) => nextHop(hop, given)),
  ];
}

function nextHop(hop: NextHop, of: Route): Objection[] {
  return [
    within("weight", hop.weight, 1, 256),
    within("link index", hop.linkIndex, 0, 0x7fff_ffff),
    hop.via !== undefined && of.destination.family === 6 && familyOf(hop.via) === 4
      ? "an IPv6 route cannot go via an IPv4 address"
      : undefined,
    hop.via === undefined && hop.onlink ? "onlink says something of a gateway, and there is none" : undefined,
  ];
}

function rule(given: Rule): Objection[] {
  const families = [given.source, given.destination].filter((prefix) => prefix !== undefined);
  return [
    within("priority", given.priority, 0, 0xffff_ffff),
    within("table", given.table, 1, 0xffff_ffff),
    within("mark", given.mark ?? 0, 0, 0xffff_ffff),
    within("mark mask", given.markMask ?? 0, 0, 0xffff_ffff),
    within("protocol", given.protocol, 0, 255),
    families.some((prefix) => prefix.family !== given.family) ? "a prefix is of another family" : undefined,
  ];
}

/** Behind it the kernel's number of a bucket's time begins anew: 2^32 ticks of 64 ns. */
const LONGEST_S = 274;

function bucket({ rate, burst, limit, peak }: TokenBucket): Objection[] {
  const parts = [
    ["", rate, burst] as const,
    ...(peak === undefined ? [] : [["peak ", peak.rate, peak.burst] as const]),
  ];
  return [
    ...parts.flatMap(([what, perSecond, size]) => [
      within(`${what}rate`, perSecond, 1, Number.MAX_SAFE_INTEGER),
      within(`${what}burst`, size, 1, Math.min(0xffff_ffff, Math.max(1, perSecond * LONGEST_S))),
    ]),
    within("limit", limit, 0, 0xffff_ffff),
    peak !== undefined && peak.rate <= rate ? "the peak rate is not above the rate" : undefined,
  ];
}

function priority(value: number): Objection {
  return within("priority", value, 1, 0xffff);
}

function change(given: LinkChange): Objection[] {
  return [
    given.name === undefined ? undefined : name(given.name),
    mtu(given.mtu),
    given.master === undefined ? undefined : within("master", given.master, 0, 0x7fff_ffff),
    within("group", given.group ?? 0, 0, 0xffff_ffff),
    descriptor(given.namespaceFd),
  ];
}

/** dev_valid_name() of the kernel: 1..15 bytes, no slash, colon or white space, not "." or "..". */
export function isLinkName(text: string): boolean {
  return /^[!-.0-9;-~]{1,15}$/.test(text) && text !== "." && text !== "..";
}

function name(text: string): Objection {
  return isLinkName(text) ? undefined : `"${text}" is not an interface name`;
}

function index(value: number): Objection {
  return within("link index", value, 1, 0x7fff_ffff);
}

function mtu(value: number | undefined): Objection {
  return value === undefined ? undefined : within("MTU", value, 1, 0x7fff_ffff);
}

function descriptor(value: number | undefined): Objection {
  return value === undefined ? undefined : within("namespace descriptor", value, 0, 0x7fff_ffff);
}

function within(what: string, value: number, low: number, high: number): Objection {
  return Number.isInteger(value) && value >= low && value <= high
    ? undefined
    : `${what} ${value} is not an integer from ${low} to ${high}`;
}
