import { formatAddress } from "@ocicat/net";
import { BgpError } from "../error.ts";
import { formatAttributes } from "../wire/attributes/encode.ts";
import type { Message } from "../wire/message.ts";
import type { Nlri } from "../wire/nlri.ts";
import { formatNotification } from "../wire/notification.ts";
import { stateName } from "./bgp4mp.ts";
import type { MrtEntry } from "./decode.ts";
import { MICROSECONDS } from "./record.ts";

/** A record as an object for JSON: where it is in the file, when, and all that it says. */
export function describeEntry(entry: MrtEntry): Readonly<Record<string, unknown>> {
  const { record } = entry;
  const head = { offset: record.offset, time: new Date(Number(record.time / (MICROSECONDS / 1000n))).toISOString() };
  switch (entry.kind) {
    case "other":
      return { ...head, kind: "other", type: record.type, subtype: record.subtype, bytes: record.body.length };
    case "peers": {
      const peers = entry.peers.map(({ routerId, address, as }) => ({
        routerId: formatAddress(routerId),
        address: formatAddress(address),
        as,
      }));
      return { ...head, kind: "peers", collector: formatAddress(entry.collector), view: entry.view, peers };
    }
    case "paths": {
      const paths = entry.paths.map(({ peer, since, pathId, attributes, problems }) => ({
        peer: formatAddress(peer.address),
        as: peer.as,
        since: new Date(since * 1000).toISOString(),
        pathId,
        nextHop: attributes === undefined ? undefined : formatAddress(attributes.nextHop),
        attributes: attributes === undefined ? [] : formatAttributes(attributes),
        problems: problems.length === 0 ? undefined : problems,
      }));
      return { ...head, kind: "paths", sequence: entry.sequence, prefix: entry.prefix.toString(), paths };
    }
    case "state":
      return { ...head, kind: "state", ...session(entry), from: stateName(entry.from), to: stateName(entry.to) };
    case "message":
      return { ...head, kind: "message", ...session(entry), sent: entry.sent, ...describeMessage(entry.decoded) };
  }
}

function session({ peerAs, peerAddress, localAs, localAddress }: Extract<MrtEntry, { kind: "message" | "state" }>) {
  const [peer, local] = [formatAddress(peerAddress), formatAddress(localAddress)];
  return { peer, peerAs, local, localAs };
}

function describeMessage(message: Message | BgpError): Readonly<Record<string, unknown>> {
  if (message instanceof BgpError) return { message: "malformed", what: message.message };
  switch (message.type) {
    case "update":
      return {
        message: "update",
        withdrawn: prefixes(message.withdrawn),
        announced: message.announced.map((one) => ({
          prefixes: prefixes(one),
          nextHop: formatAddress(one.attributes.nextHop),
          attributes: formatAttributes(one.attributes),
        })),
        endOfRib: message.endOfRib,
        problems: message.problems.map(({ name, what, treatment }) => ({ attribute: name, what, treatment })),
      };
    case "open": {
      const { as, holdTimeS, routerId, capabilities } = message;
      return { message: "open", as, holdTimeS, routerId: formatAddress(routerId), capabilities };
    }
    case "notification":
      return { message: "notification", what: formatNotification(message) };
    case "keepalive":
      return { message: "keepalive" };
    case "route-refresh":
      return { message: "route-refresh", family: message.family, subtype: message.subtype };
  }
}

function prefixes({ prefixes: all, pathIds }: Nlri) {
  return all.map((prefix, index) => {
    const pathId = pathIds?.[index];
    return pathId === undefined ? prefix.toString() : { prefix: prefix.toString(), pathId };
  });
}
