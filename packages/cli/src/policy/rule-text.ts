import type { End, PortMatch, Rule } from "@ocicat/policy";
import { protocolText } from "./packet.ts";

/** A rule in a line: `allow tcp from app == "web" to port 80, 443`. */
export function ruleText(rule: Rule): string {
  if (rule.closed !== undefined) return `deny everything, for it cannot be understood: ${rule.closed}`;
  if (rule.broken !== undefined) return `${rule.action} nothing, for it cannot be understood: ${rule.broken}`;
  const from = endText(rule.source);
  const to = endText(rule.destination);
  return [
    rule.action,
    ...(rule.ipVersion === undefined ? [] : [`IPv${rule.ipVersion}`]),
    ...protocolsText(rule),
    ...(from === "" ? [] : [`from ${from}`]),
    ...(to === "" ? [] : [`to ${to}`]),
  ].join(" ");
}

function protocolsText({ protocol, notProtocol, icmp, notIcmp }: Rule): readonly string[] {
  const match = ({ type, code }: NonNullable<Rule["icmp"]>) =>
    `type ${type}${code === undefined ? "" : ` code ${code}`}`;
  return [
    ...(protocol === undefined ? [] : [protocolText(protocol)]),
    ...(notProtocol === undefined ? [] : [`not ${protocolText(notProtocol)}`]),
    ...(icmp === undefined ? [] : [match(icmp)]),
    ...(notIcmp === undefined ? [] : [`not ${match(notIcmp)}`]),
  ];
}

function endText({ networks, notNetworks, selector, notSelector, ports, notPorts, service }: End): string {
  return [
    ...(selector === undefined ? [] : [selector.text]),
    ...(notSelector === undefined ? [] : [`not (${notSelector.text})`]),
    ...(networks.length === 0 ? [] : [networks.join(", ")]),
    ...(notNetworks.length === 0 ? [] : [`not ${notNetworks.join(", ")}`]),
    ...(service === undefined ? [] : [`service ${service.namespace}/${service.name}`]),
    ...(ports.length === 0 ? [] : [`port ${ports.map(portText).join(", ")}`]),
    ...(notPorts.length === 0 ? [] : [`not port ${notPorts.map(portText).join(", ")}`]),
  ].join(" ");
}

function portText(match: PortMatch): string {
  if (match.kind === "name") return match.name;
  return match.first === match.last ? String(match.first) : `${match.first}-${match.last}`;
}
