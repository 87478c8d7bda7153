import { Protocol } from "../model/packet.ts";
import type { Action, End, IcmpMatch, PortMatch, Rule } from "../model/rule.ts";

const ACTIONS: Readonly<Record<Action, string>> = { allow: "Allow", deny: "Deny", pass: "Pass", log: "Log" };

const NAMES: ReadonlyMap<number, string> = new Map([
  [Protocol.icmp, "ICMP"],
  [Protocol.ipip, "IPIP"],
  [Protocol.tcp, "TCP"],
  [Protocol.udp, "UDP"],
  [Protocol.icmpv6, "ICMPv6"],
  [Protocol.sctp, "SCTP"],
  [Protocol.udplite, "UDPLite"],
]);

/** `TCP`, or `protocol 47`. */
export function protocolName(protocol: number): string {
  return NAMES.get(protocol) ?? `protocol ${protocol}`;
}

/** A rule on one line: `Allow TCP from app == "client" to ports 80, 8000-8100`. */
export function describeRule(rule: Rule): string {
  const { broken, closed } = rule;
  if (broken !== undefined) return `${ACTIONS[rule.action]} nothing: ${broken}`;
  if (closed !== undefined) return `Deny everything: ${closed}`;
  const parts = [
    rule.ipVersion === undefined || namesNetworks(rule) ? "" : `IPv${rule.ipVersion}`,
    rule.protocol === undefined ? "" : protocolName(rule.protocol),
    rule.notProtocol === undefined ? "" : `not ${protocolName(rule.notProtocol)}`,
    rule.icmp === undefined ? "" : describeIcmp(rule.icmp),
    rule.notIcmp === undefined ? "" : `not ${describeIcmp(rule.notIcmp)}`,
    describeEnd("from", rule.source),
    describeEnd("to", rule.destination),
  ].filter((part) => part !== "");
  return [ACTIONS[rule.action], ...(parts.length === 0 ? ["everything"] : parts)].join(" ");
}

/** Then one can see which version of IP it is about. */
function namesNetworks({ source, destination }: Rule): boolean {
  return [source, destination].some(({ networks, notNetworks }) => networks.length + notNetworks.length > 0);
}

function describeIcmp({ type, code }: IcmpMatch): string {
  return code === undefined ? `type ${type}` : `type ${type} code ${code}`;
}

function describeEnd(word: string, end: End): string {
  const { networks, notNetworks, selector, notSelector, nodes, ports, notPorts, service } = end;
  const parts = [
    networks.join(", "),
    notNetworks.length === 0 ? "" : `not ${notNetworks.join(", ")}`,
    selector?.text ?? "",
    notSelector === undefined ? "" : `not ${notSelector.text}`,
    nodes === undefined ? "" : `nodes ${nodes.text}`,
    service === undefined ? "" : `service ${service.namespace}/${service.name}`,
    ports.length === 0 ? "" : `port${ports.length > 1 ? "s" : ""} ${ports.map(describePort).join(", ")}`,
    notPorts.length === 0 ? "" : `not port${notPorts.length > 1 ? "s" : ""} ${notPorts.map(describePort).join(", ")}`,
  ].filter((part) => part !== "");
  return parts.length === 0 ? "" : `${word} ${parts.join(" ")}`;
}

function describePort(port: PortMatch): string {
  if (port.kind === "name") return port.name;
  return port.first === port.last ? String(port.first) : `${port.first}-${port.last}`;
}
