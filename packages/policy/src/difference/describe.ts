import { Protocol } from "../model/packet.ts";
import { protocolName } from "../verdict/describe-rule.ts";
import type { PacketClass, Range } from "./packet-class.ts";

/** `everything`, or by protocol: `TCP 80, 443`, `UDP`, `ICMP type 8`. `all`: of what they are a part. */
export function describePackets(packets: readonly PacketClass[], all: readonly PacketClass[]): string {
  if (packets.length === all.length) return "everything";
  const total = Map.groupBy(all, nameOf);
  const groups = Map.groupBy(packets, nameOf);
  const texts = Array.from(groups, ([name, group]) => {
    const whole = total.get(name) ?? [];
    if (group.length === whole.length) return name;
    return `${name} ${group[0]?.icmp === undefined ? portsText(group, whole) : icmpText(group, whole)}`;
  });
  return texts.join("; ");
}

/** What is said of both families is said of one ICMP. */
function nameOf({ protocol, isOther }: PacketClass): string {
  return isOther ? "other protocols" : protocolName(protocol === Protocol.icmpv6 ? Protocol.icmp : protocol);
}

/** What concerns some source ports only says so. */
function portsText(group: readonly PacketClass[], whole: readonly PacketClass[]): string {
  const bySources = Map.groupBy(group, ({ ports }) => rangeText(ports));
  const sources = new Set(whole.map(({ sourcePorts }) => rangeText(sourcePorts))).size;
  const parts = Map.groupBy(bySources.values(), (classes) =>
    classes.length === sources ? "" : ` from port ${joined(classes.map(({ sourcePorts }) => sourcePorts))}`,
  );
  return Array.from(parts, ([from, members]) => `${joined(members.map(([first]) => first?.ports))}${from}`).join("; ");
}

/** What touches becomes one. */
function joined(ranges: readonly (Range | undefined)[]): string {
  const sorted = ranges.filter((range) => range !== undefined).sort((a, b) => a.first - b.first);
  const wide: Range[] = [];
  for (const range of sorted) {
    const before = wide.at(-1);
    if (before !== undefined && before.last + 1 === range.first)
      wide[wide.length - 1] = { ...before, last: range.last };
    else wide.push(range);
  }
  return wide.map(rangeText).join(", ");
}

function rangeText(range: Range | undefined): string {
  if (range === undefined) return "";
  return range.first === range.last ? String(range.first) : `${range.first}-${range.last}`;
}

function icmpText(group: readonly PacketClass[], whole: readonly PacketClass[]): string {
  const texts = group.map(({ icmp }) => {
    if (icmp?.type === undefined) return "other types";
    const codes = whole.filter((other) => other.icmp?.type === icmp.type).length;
    return `type ${icmp.type}${codes > 1 ? ` code ${icmp.code}` : ""}`;
  });
  return texts.join(", ");
}
