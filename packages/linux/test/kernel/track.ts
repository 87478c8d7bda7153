import { formatAddress } from "@ocicat/net";
import { type Connection, ConnectionStatus, type ConnectionTuple } from "../../src/index.ts";
import { run } from "../helpers.ts";

const PROTOCOLS: Readonly<Record<number, string>> = { 1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6" };

/** Puts an entry into the kernel's table with the conntrack tool: an encoder that is not ours. */
export function trackIn(name: string, { original, reply, zone, status, mark, timeout, tcpState }: Connection): void {
  const isAssured = (status & ConnectionStatus.assured) !== 0;
  const options: Readonly<Record<string, string | undefined>> = {
    "-p": PROTOCOLS[original.protocol],
    "-s": formatAddress(original.source),
    "-d": formatAddress(original.destination),
    "-r": formatAddress(reply.source),
    "-q": formatAddress(reply.destination),
    "-t": String(timeout),
    ...ends(original, reply),
    "--state": tcpState === undefined ? undefined : "ESTABLISHED",
    "-w": zone === 0 ? undefined : String(zone),
    "-u": isAssured ? "SEEN_REPLY,ASSURED" : "SEEN_REPLY",
    // Behind the status, which the tool would write over it.
    "-m": mark === 0 ? undefined : String(mark),
  };
  const given = Object.entries(options).flatMap(([option, value]) => (value === undefined ? [] : [option, value]));
  run("ip", "netns", "exec", name, "conntrack", "-I", ...given);
}

function ends(original: ConnectionTuple, reply: ConnectionTuple): Record<string, string> {
  const { icmp } = original;
  if (icmp !== undefined) {
    return { "--icmp-id": String(icmp.id), "--icmp-type": String(icmp.type), "--icmp-code": String(icmp.code) };
  }
  return {
    "--sport": String(original.sourcePort),
    "--dport": String(original.destinationPort),
    "--reply-port-src": String(reply.sourcePort),
    "--reply-port-dst": String(reply.destinationPort),
  };
}
