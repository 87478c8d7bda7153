import type { Prefix } from "@ocicat/net";
import { type End, type IcmpMatch, type PortMatch, Protocol, type Rule, type ServiceName } from "@ocicat/policy";
import type { Node } from "../space/diagram.ts";
import { dimension, rangeOf } from "../space/header.ts";
import type { Logic } from "../space/logic.ts";
import type { Members, PortMembers } from "./members.ts";

const WITH_PORTS = [Protocol.tcp, Protocol.udp, Protocol.sctp, Protocol.udplite];
const WITH_ICMP = [Protocol.icmp, Protocol.icmpv6];

type Side = "source" | "destination";

/** What a rule of the model matches, as a diagram: all its parts, each said in the plainest way there is. */
export function ruleMatch(rule: Rule, logic: Logic, members: Members): Node {
  const { family } = logic.addresses;
  if (rule.broken !== undefined || (rule.ipVersion ?? family) !== family) return logic.no;
  const protocols = (...numbers: readonly number[]) => oneOf(logic, dimension.protocol, numbers);
  return logic.and(
    ...given(rule.protocol, (protocol) => protocols(protocol)),
    ...given(rule.notProtocol, (protocol) => logic.not(protocols(protocol))),
    ...given(rule.icmp, (icmp) => logic.and(protocols(...WITH_ICMP), icmpMatch(logic, icmp))),
    ...given(rule.notIcmp, (icmp) => logic.and(protocols(...WITH_ICMP), logic.not(icmpMatch(logic, icmp)))),
    endMatch(rule.source, "source", logic, members),
    endMatch(rule.destination, "destination", logic, members),
  );
}

function endMatch(end: End, side: Side, logic: Logic, members: Members): Node {
  const within = (networks: readonly Prefix[]) => logic.address(side, networks.map(rangeOf));
  const ports = (matches: readonly PortMatch[]) =>
    logic.or(...matches.map((match) => portMatch(match, end, side, logic, members)));
  const asksPorts = end.ports.length + end.notPorts.length > 0;
  return logic.and(
    ...(end.networks.length === 0 ? [] : [within(end.networks)]),
    logic.not(within(end.notNetworks)),
    ...given(end.selector, (selector) => logic.address(side, members.selected(selector))),
    ...given(end.notSelector, (selector) => logic.not(logic.address(side, members.selected(selector)))),
    ...given(end.nodes, (selector) => logic.address(side, members.nodes(selector))),
    ...given(end.service, (service) => serviceMatch(service, side, logic, members)),
    asksPorts ? oneOf(logic, dimension.protocol, WITH_PORTS) : logic.yes,
    ...(end.ports.length === 0 ? [] : [ports(end.ports)]),
    logic.not(ports(end.notPorts)),
  );
}

function portMatch(match: PortMatch, { selector }: End, side: Side, logic: Logic, members: Members): Node {
  if (match.kind === "range") return logic.within(portOf(side), [match]);
  return portalMatch(members.named(selector, match.name), side, logic);
}

/** A source may use any port. */
function serviceMatch(service: ServiceName, side: Side, logic: Logic, members: Members): Node {
  if (side === "source") return logic.address(side, members.serving(service));
  const withPorts = members.served(service).filter(({ protocol }) => WITH_PORTS.includes(protocol as 6));
  return portalMatch(withPorts, side, logic);
}

function portalMatch(members: readonly PortMembers[], side: Side, logic: Logic): Node {
  const each = members.map(({ protocol, port, ranges }) =>
    logic.and(
      oneOf(logic, dimension.protocol, [protocol]),
      logic.address(side, ranges),
      oneOf(logic, portOf(side), [port]),
    ),
  );
  return logic.or(...each);
}

function icmpMatch(logic: Logic, { type, code }: IcmpMatch): Node {
  return logic.and(
    oneOf(logic, dimension.icmpType, [type]),
    ...given(code, (number) => oneOf(logic, dimension.icmpCode, [number])),
  );
}

function oneOf(logic: Logic, of: number, numbers: readonly number[]): Node {
  return logic.within(
    of,
    numbers.map((number) => ({ first: number, last: number })),
  );
}

function portOf(side: Side): number {
  return side === "source" ? dimension.sourcePort : dimension.destinationPort;
}

function given<T>(value: T | undefined, match: (value: T) => Node): Node[] {
  return value === undefined ? [] : [match(value)];
}
