import { type Peer, readPeers } from "../agents/answers.ts";
import { askOneAgent } from "../agents/reach.ts";
import { formatBox } from "../output/box.ts";
import { formatSince } from "../output/since.ts";
import type { Surroundings } from "../surroundings.ts";

export async function showNodeStatus(surroundings: Surroundings, node: string | undefined): Promise<void> {
  const { body } = await askOneAgent(surroundings, node, "/bgp", readPeers);
  surroundings.print(formatStatus(body, surroundings.now(), surroundings.timeZone));
}

/** As calicoctl prints it, to the letter: scripts look for "Established". */
export function formatStatus(peers: readonly Peer[], now: Date, timeZone: string | undefined): string {
  const isIpv6 = (peer: Peer) => peer.address.includes(":");
  const row = (peer: Peer) => rowOf(peer, formatSince(peer.since, now, timeZone));
  const section = (family: string, members: readonly Peer[]) =>
    members.length === 0
      ? `${family} BGP status\nNo ${family} peers found.\n`
      : `${family} BGP status\n${formatBox(HEADINGS, members.map(row))}`;
  const ipv4 = peers.filter((peer) => !isIpv6(peer));
  return `Calico process is running.\n\n${section("IPv4", ipv4)}\n${section("IPv6", peers.filter(isIpv6))}\n`;
}

const HEADINGS = ["PEER ADDRESS", "PEER TYPE", "STATE", "SINCE", "INFO"];

/** BIRD says `start` of a session that is not up, and what its state machine does, with the reason, as its info. */
function rowOf({ address, type, state, info }: Peer, since: string): readonly string[] {
  if (state === "Established") return [address, type, "up", since, state];
  const reason = info === "" || info === state ? state : `${state} ${info}`;
  return [address, type, "start", since, reason];
}
