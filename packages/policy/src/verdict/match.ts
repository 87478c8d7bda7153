import type { Selector } from "@ocicat/api";
import { type Address, compareAddresses, familyOf, type Prefix } from "@ocicat/net";
import type { PolicyModel } from "../model/model.ts";
import { hasPorts, type Packet } from "../model/packet.ts";
import type { End, IcmpMatch, PortMatch, Rule, ServiceName } from "../model/rule.ts";
import { labelsIn } from "./labels.ts";

/** Whether a rule matches a packet: all that it asks for has to hold. */
export function ruleMatches(rule: Rule, packet: Packet, model: PolicyModel): boolean {
  return (
    rule.broken === undefined &&
    (rule.ipVersion === undefined || rule.ipVersion === familyOf(packet.source)) &&
    (rule.protocol === undefined || rule.protocol === packet.protocol) &&
    (rule.notProtocol === undefined || rule.notProtocol !== packet.protocol) &&
    (rule.icmp === undefined || icmpMatches(rule.icmp, packet) === true) &&
    (rule.notIcmp === undefined || icmpMatches(rule.notIcmp, packet) === false) &&
    endMatches(rule.source, sourceOf(packet), model) &&
    endMatches(rule.destination, destinationOf(packet), model)
  );
}

/** One end of a packet. */
interface PacketEnd {
  readonly address: Address;
  readonly protocol: number;
  /** Undefined where the protocol has none. */
  readonly port: number | undefined;
  /** A service is told by its ports too where it is gone to. */
  readonly isDestination: boolean;
}

function sourceOf({ source: address, protocol, sourcePort }: Packet): PacketEnd {
  return { address, protocol, port: hasPorts(protocol) ? sourcePort : undefined, isDestination: false };
}

function destinationOf({ destination: address, protocol, destinationPort }: Packet): PacketEnd {
  return { address, protocol, port: hasPorts(protocol) ? destinationPort : undefined, isDestination: true };
}

function endMatches(end: End, packet: PacketEnd, model: PolicyModel): boolean {
  const { address } = packet;
  const isIn = (networks: readonly Prefix[]) => networks.some((network) => network.has(address));
  const isOneOf = (ports: readonly PortMatch[]) => ports.some((port) => portMatches(port, end.selector, packet, model));
  const asksPorts = end.ports.length + end.notPorts.length > 0;
  return (
    (end.networks.length === 0 || isIn(end.networks)) &&
    !isIn(end.notNetworks) &&
    (end.selector === undefined || isSelected(end.selector, address, model)) &&
    (end.notSelector === undefined || !isSelected(end.notSelector, address, model)) &&
    (end.nodes === undefined || isOfNode(end.nodes, address, model)) &&
    (!asksPorts || packet.port !== undefined) &&
    (end.ports.length === 0 || isOneOf(end.ports)) &&
    !isOneOf(end.notPorts) &&
    (end.service === undefined || isOfService(end.service, packet, model))
  );
}

/** Whether the address belongs to something that the selector chooses: an endpoint, or a set of networks. */
export function isSelected(selector: Selector, address: Address, model: PolicyModel): boolean {
  return (
    model.endpoints.some(
      (endpoint) => has(endpoint.addresses, address) && selector.matches(labelsIn(endpoint, model)),
    ) ||
    model.networkSets.some(
      (set) => set.networks.some((network) => network.has(address)) && selector.matches(labelsIn(set, model)),
    )
  );
}

/** Whether the address is a node's that the selector chooses. */
function isOfNode(selector: Selector, address: Address, { nodeSets = [] }: PolicyModel): boolean {
  return nodeSets.some(
    ({ labels, networks }) => networks.some((network) => network.has(address)) && selector.matches(labels),
  );
}

function portMatches(
  match: PortMatch,
  selector: Selector | undefined,
  { address, protocol, port }: PacketEnd,
  model: PolicyModel,
): boolean {
  if (port === undefined) return false;
  if (match.kind === "range") return match.first <= port && port <= match.last;
  return model.endpoints.some(
    (endpoint) =>
      has(endpoint.addresses, address) &&
      (selector === undefined || selector.matches(labelsIn(endpoint, model))) &&
      endpoint.ports.some((own) => own.name === match.name && own.protocol === protocol && own.port === port),
  );
}

function isOfService({ namespace, name }: ServiceName, packet: PacketEnd, model: PolicyModel): boolean {
  return model.services.some(
    (service) =>
      service.namespace === namespace &&
      service.name === name &&
      service.endpoints.some(
        ({ address, at }) =>
          compareAddresses(address, packet.address) === 0 &&
          (!packet.isDestination || (at !== undefined && at.protocol === packet.protocol && at.port === packet.port)),
      ),
  );
}

/** Undefined for what is no ICMP, of which neither a type nor its absence can be told. */
function icmpMatches({ type, code }: IcmpMatch, { icmp }: Packet): boolean | undefined {
  return icmp === undefined ? undefined : icmp.type === type && (code === undefined || icmp.code === code);
}

export function has(addresses: readonly Address[], address: Address): boolean {
  return addresses.some((own) => compareAddresses(own, address) === 0);
}
