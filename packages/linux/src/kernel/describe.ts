import { formatAddress } from "@ocicat/net";
import type { KernelOperation, Rule } from "./kernel.ts";

/** One line for people: what the operation is and on what. */
export function describeOperation(operation: KernelOperation): string {
  return `${operation.op} ${subjectOf(operation)}`;
}

function subjectOf(operation: KernelOperation): string {
  switch (operation.op) {
    case "route.replace":
    case "route.delete": {
      const { kind, destination, table, metric } = operation.route;
      return `${kind === "unicast" ? "" : `${kind} `}${destination} table ${table}${metric === 0 ? "" : ` metric ${metric}`}`;
    }
    case "address.add":
    case "address.delete": {
      const { address, prefixLength, linkIndex } = operation.address;
      return `${formatAddress(address)}/${prefixLength} on link ${linkIndex}`;
    }
    case "neighbour.replace":
    case "neighbour.delete":
      return `${formatAddress(operation.neighbour.address)} on link ${operation.neighbour.linkIndex}`;
    case "fdb.replace":
    case "fdb.delete":
      return `${operation.entry.mac} on link ${operation.entry.linkIndex}`;
    case "rule.add":
    case "rule.delete":
      return describeRule(operation.rule);
    case "link.set":
    case "link.delete":
      return `link ${operation.index}`;
    case "link.veth":
      return `${operation.veth.name} with peer ${operation.veth.peer.name}`;
    case "link.bridge":
      return operation.name;
    case "link.vxlan":
      return operation.vxlan.name;
    case "link.ipip":
      return operation.ipip.name;
    case "link.ifb":
      return operation.name;
    case "qdisc.tbf":
      return `${operation.major.toString(16)}: on link ${operation.linkIndex}, ${operation.bucket.rate} bytes/s`;
    case "qdisc.ingress":
      return `on link ${operation.linkIndex}`;
    case "qdisc.delete":
      return `${operation.which} of link ${operation.linkIndex}`;
    case "filter.redirect":
      return `link ${operation.linkIndex} to link ${operation.to}`;
    case "filter.delete":
      return `${operation.priority} of link ${operation.linkIndex}`;
  }
}

function describeRule(rule: Rule): string {
  const from = rule.source === undefined ? "all" : String(rule.source);
  const to = rule.destination === undefined ? "" : ` to ${rule.destination}`;
  const mark = rule.mark === undefined ? "" : ` fwmark 0x${rule.mark.toString(16)}`;
  return `${rule.priority}: from ${from}${to}${mark} lookup ${rule.table}`;
}
