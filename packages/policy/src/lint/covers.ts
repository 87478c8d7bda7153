import type { Selector } from "@ocicat/api";
import type { Prefix } from "@ocicat/net";
import type { End, IcmpMatch, PortMatch, Rule } from "../model/rule.ts";

/**
 * Whether the first rule matches all that the second does. Told by what is written alone: false where only the endpoints that
 * there are happen to make it so.
 */
export function covers(wide: Rule, narrow: Rule): boolean {
  return (
    coversValue(wide.ipVersion, narrow.ipVersion) &&
    coversValue(wide.protocol, narrow.protocol) &&
    coversNotProtocol(wide, narrow) &&
    coversIcmp(wide.icmp, narrow.icmp) &&
    coversNotIcmp(wide.notIcmp, narrow) &&
    coversEnd(wide.source, narrow.source) &&
    coversEnd(wide.destination, narrow.destination)
  );
}

function coversValue<T>(wide: T | undefined, narrow: T | undefined): boolean {
  return wide === undefined || wide === narrow;
}

function coversNotProtocol({ notProtocol: wide }: Rule, { protocol, notProtocol }: Rule): boolean {
  return wide === undefined || wide === notProtocol || (protocol !== undefined && protocol !== wide);
}

function coversIcmp(wide: IcmpMatch | undefined, narrow: IcmpMatch | undefined): boolean {
  if (wide === undefined) return true;
  return narrow !== undefined && wide.type === narrow.type && coversValue(wide.code, narrow.code);
}

function coversNotIcmp(wide: IcmpMatch | undefined, { icmp, notIcmp }: Rule): boolean {
  if (wide === undefined) return true;
  if (icmp !== undefined && icmp.type !== wide.type) return true;
  return notIcmp !== undefined && coversIcmp(notIcmp, wide);
}

function coversEnd(wide: End, narrow: End): boolean {
  return (
    coversNetworks(wide.networks, narrow.networks) &&
    wide.notNetworks.every((hole) => isLeftOut(hole, narrow)) &&
    coversSelector(wide.selector, narrow.selector) &&
    (wide.notSelector === undefined || wide.notSelector.text === narrow.notSelector?.text) &&
    coversSelector(wide.nodes, narrow.nodes) &&
    coversPorts(wide, narrow) &&
    wide.notPorts.every((port) => isLeftOutPort(port, wide, narrow)) &&
    (wide.service === undefined ||
      (wide.service.name === narrow.service?.name && wide.service.namespace === narrow.service.namespace))
  );
}

function coversNetworks(wide: readonly Prefix[], narrow: readonly Prefix[]): boolean {
  if (wide.length === 0) return true;
  return narrow.length > 0 && narrow.every((network) => wide.some((each) => each.covers(network)));
}

/** Whether the end matches nothing of the network. */
function isLeftOut(hole: Prefix, { networks, notNetworks }: End): boolean {
  if (notNetworks.some((each) => each.covers(hole))) return true;
  return networks.length > 0 && networks.every((network) => !network.overlaps(hole));
}

/** Whether the first chooses all that the second does. all() is of endpoints, none of anything. */
export function coversSelector(wide: Selector | undefined, narrow: Selector | undefined): boolean {
  if (wide === undefined) return true;
  if (narrow === undefined) return false;
  if (wide.root.type === "all" || wide.text === narrow.text) return true;
  const wanted = wide.root.type === "and" ? wide.root.operands : [wide.root];
  const given = narrow.root.type === "and" ? narrow.root.operands : [narrow.root];
  const texts = new Set(given.map((node) => JSON.stringify(node)));
  return wanted.every((node) => texts.has(JSON.stringify(node)));
}

/** A name means ports of the endpoints that the selector chooses: the wider one's are among them, where it covers the other. */
function coversPorts(wide: End, narrow: End): boolean {
  if (wide.ports.length === 0) return true;
  return narrow.ports.length > 0 && narrow.ports.every((port) => wide.ports.some((each) => hasPort(each, port)));
}

function hasPort(wide: PortMatch, narrow: PortMatch): boolean {
  if (wide.kind === "range" && narrow.kind === "range") return wide.first <= narrow.first && narrow.last <= wide.last;
  return wide.kind === "name" && narrow.kind === "name" && wide.name === narrow.name;
}

/** Whether what the wider one leaves out by a port the narrower one does not match either. */
function isLeftOutPort(port: PortMatch, wide: End, narrow: End): boolean {
  const isSame = port.kind === "range" || wide.selector?.text === narrow.selector?.text;
  if (isSame && narrow.notPorts.some((each) => hasPort(each, port))) return true;
  const isApart = (each: PortMatch) =>
    each.kind === "range" && port.kind === "range" && (each.last < port.first || port.last < each.first);
  return narrow.ports.length > 0 && narrow.ports.every(isApart);
}
