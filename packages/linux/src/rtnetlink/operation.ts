import type { MessageWriter } from "@ocicat/netlink";
import type { KernelOperation } from "../kernel/kernel.ts";
import { encodeAddAddress, encodeDeleteAddress } from "./address.ts";
import { encodeBridge, encodeDeleteLink, encodeIfb, encodeSetLink, encodeVeth } from "./link.ts";
import {
  encodeDeleteForwardingEntry,
  encodeDeleteNeighbour,
  encodeReplaceForwardingEntry,
  encodeReplaceNeighbour,
} from "./neighbour.ts";
import { encodeDeleteRoute, encodeReplaceRoute } from "./route.ts";
import { encodeAddRule, encodeDeleteRule } from "./rule.ts";
import { encodeTraffic } from "./traffic.ts";
import { encodeIpip, encodeVxlan } from "./tunnel.ts";

/** Appends the one message that an operation is. `flags` are added to the operation's own. */
export function encodeOperation(out: MessageWriter, flags: number, sequence: number, operation: KernelOperation): void {
  switch (operation.op) {
    case "route.replace":
      encodeReplaceRoute(out, flags, sequence, operation.route);
      break;
    case "route.delete":
      encodeDeleteRoute(out, flags, sequence, operation.route);
      break;
    case "address.add":
      encodeAddAddress(out, flags, sequence, operation.address);
      break;
    case "address.delete":
      encodeDeleteAddress(out, flags, sequence, operation.address);
      break;
    case "neighbour.replace":
      encodeReplaceNeighbour(out, flags, sequence, operation.neighbour);
      break;
    case "neighbour.delete":
      encodeDeleteNeighbour(out, flags, sequence, operation.neighbour);
      break;
    case "fdb.replace":
      encodeReplaceForwardingEntry(out, flags, sequence, operation.entry);
      break;
    case "fdb.delete":
      encodeDeleteForwardingEntry(out, flags, sequence, operation.entry);
      break;
    case "rule.add":
      encodeAddRule(out, flags, sequence, operation.rule);
      break;
    case "rule.delete":
      encodeDeleteRule(out, flags, sequence, operation.rule);
      break;
    case "link.set":
      encodeSetLink(out, flags, sequence, operation.index, operation.change);
      break;
    case "link.veth":
      encodeVeth(out, flags, sequence, operation.veth);
      break;
    case "link.bridge":
      encodeBridge(out, flags, sequence, operation);
      break;
    case "link.vxlan":
      encodeVxlan(out, flags, sequence, operation.vxlan);
      break;
    case "link.ipip":
      encodeIpip(out, flags, sequence, operation.ipip);
      break;
    case "link.ifb":
      encodeIfb(out, flags, sequence, operation);
      break;
    case "qdisc.tbf":
    case "qdisc.ingress":
    case "qdisc.delete":
    case "filter.redirect":
    case "filter.delete":
      encodeTraffic(out, flags, sequence, operation);
      break;
    case "link.delete":
      encodeDeleteLink(out, flags, sequence, operation.index);
      break;
  }
}
