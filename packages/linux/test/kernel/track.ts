import { formatAddress } from "@ocicat/net";
import { type Connection, ConnectionStatus, type ConnectionTuple } from "../../src/index.ts";
import { run } from "../helpers.ts";

const PROTOCOLS: Readonly<Record<number, string>> = { 1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6" };

/** Puts an entry into the kernel's table with the conntrack tool: an encoder that is not ours. */
export function trackIn(name: string, { original, reply, zone, status, mark, timeout, tcpState }: Connection): void {
  const protocol = PROTOCOLS[original.protocol] ?? "";
  run(
    "ip",
    ...["netns", "exec", name, "conntrack", "-I"],
    ...["-p", protocol],
    ...["-s", formatAddress(original.source), "-d", formatAddress(original.destination)],
    ...["-r", formatAddress(reply.source), "-q", formatAddress(reply.destination)],
    ...ends(original, reply),
    ...["-t", String(timeout ?? 0)],
    ...(zone === 0 ? [] : ["-w", String(zone)]),
    ...((status & ConnectionStatus.assured) === 0 ? ["-u", "SEEN_REPLY"] : ["-u", "SEEN_REPLY,ASSURED"]),
    // Behind the status, which the tool would write over it.
    ...(mark === 0 ? [] : ["-m", String(mark)]),
    ...(tcpState === undefined ? [] : ["--state", "ESTABLISHED"]),
  );
}

function ends(original: ConnectionTuple, reply: ConnectionTuple): string[] {
  const { icmp, sourcePort, destinationPort } = original;
  if (icmp !== undefined) {
    return ["--icmp-id", String(icmp.id), "--icmp-type", String(icmp.type), "--icmp-code", String(icmp.code)];
  }
  return [
    ...["--sport", String(sourcePort), "--dport", String(destinationPort)],
    ...["--reply-port-src", String(reply.sourcePort), "--reply-port-dst", String(reply.destinationPort)],
  ];
}
