import { formatAddress } from "@ocicat/net";
import { TUNNELS } from "@ocicat/routing";
import { type Check, check } from "../check.ts";
import { CARRIERS, describeAnswer, isReached, linkWith, type PeerFact, selfIn } from "../facts.ts";
import type { Found } from "../finding.ts";

const elsewhere = (node: string): Pick<Found, "mend" | "mendOn"> => ({ mend: "ocicat doctor", mendOn: { node } });

export const REACH_CHECKS: readonly Check[] = [
  check({
    code: "NODE_UNREACHABLE",
    severity: "error",
    looksFor: "nodes that answer to nothing",
    needs: ["peers"],
    *find({ peers }) {
      for (const peer of peers) {
        if (isReached(peer)) continue;
        yield {
          where: title(peer),
          what: `it answers to nothing: ping ${describeAnswer(peer.echo)}`,
          why: "no pod there is reached from here; it may be down, or the network between",
          ...elsewhere(peer.node),
        };
      }
    },
  }),
  check({
    code: "BGP_BLOCKED",
    severity: "error",
    looksFor: "a BGP port that does not answer on a node that does, with what came back",
    needs: ["peers"],
    *find({ peers }) {
      for (const peer of peers) {
        if (peer.bgp === undefined || peer.bgp.answer.came === "answer" || !isReached(peer)) continue;
        const { port, state, answer } = peer.bgp;
        yield {
          where: `TCP port ${port} of ${title(peer)}`,
          what: `${describeAnswer(answer)}; the session is ${state}`,
          why: "without a session its blocks are not learned, and an established one does not come back when it ends",
          ...elsewhere(peer.node),
          about: { traffic: "bgp", peer: peer.node },
        };
      }
    },
  }),
  check({
    code: "TUNNEL_BLOCKED",
    severity: "error",
    looksFor: "a tunnel through which a node does not answer that answers without",
    needs: ["peers"],
    *find({ peers }) {
      for (const peer of peers) {
        if (!isReached({ ...peer, tunnels: [] })) continue;
        for (const { name, answer } of peer.tunnels) {
          if (answer.came === "answer") continue;
          yield {
            where: `${TUNNELS[name].device} to ${title(peer)}`,
            what: `${describeAnswer(answer)} through the tunnel, and the node answers without it`,
            why: `${CARRIERS[name]} does not pass in both directions: pods there are not reached`,
            ...elsewhere(peer.node),
            about: { traffic: name === "ipip" ? "ipip" : "vxlan", peer: peer.node },
          };
        }
      }
    },
  }),
  check({
    code: "MTU_PATH",
    severity: "error",
    looksFor: "a way between nodes that does not carry packets of full size",
    needs: ["peers", "host", "cluster"],
    *find({ peers, host, cluster, node }) {
      for (const peer of peers) {
        const { full, echo } = peer;
        const self = selfIn(cluster, node);
        const own = typeof peer.address === "number" ? self?.ipv4 : self?.ipv6;
        const below = own === undefined ? undefined : linkWith(host, own.address);
        if (full === undefined || full.answer.came === "answer" || echo.came !== "answer" || below === undefined)
          continue;
        yield {
          where: `the way to ${title(peer)}`,
          what: `packets of ${full.passes} bytes pass, and those of ${full.bytes} do not: ${describeAnswer(full.answer)}`,
          why: "connections open, and stand still at the first large answer; a link between has a smaller MTU",
          mend: `ip link set ${below.name} mtu ${full.passes}`,
        };
      }
    },
  }),
];

function title({ node, address }: PeerFact): string {
  return `${node} (${formatAddress(address)})`;
}
