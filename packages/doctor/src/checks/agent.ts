import { formatAddress, parsePrefix } from "@ocicat/net";
import { type Check, check } from "../check.ts";
import {
  type ClusterFacts,
  type FactName,
  type HostFacts,
  isBefore,
  isReached,
  type NodeFacts,
  selfIn,
  tunnelOf,
  uplinkOf,
  withMode,
} from "../facts.ts";
import type { Found } from "../finding.ts";

/** By NO_GATEWAY_ROUTE and DATASTORE_AWAY, with what mends it. */
const TOLD_BY_OTHERS = ["gateway:", "datastore: it cannot be reached"];

/** A group of facts that is not there is a finding itself. */
function missing(code: string, looksFor: string, name: FactName, found: (why: string, node: string) => Found): Check {
  return Object.freeze({
    code,
    severity: "error" as const,
    looksFor,
    needs: [],
    look(facts: NodeFacts) {
      const fact = facts[name];
      if (fact.ok) return [];
      const { mend, mendOn, sure = "certain", ...said } = found(fact.why, facts.node);
      const node = mendOn === "anywhere" ? undefined : (mendOn?.node ?? facts.node);
      return [{ code, severity: "error" as const, node: facts.node, ...said, mend: { command: mend, node }, sure }];
    },
  });
}

export const AGENT_CHECKS: readonly Check[] = [
  missing("AGENT_AWAY", "an agent that does not run or does not answer", "agent", (why) => ({
    where: "agent",
    what: `the agent does not answer: ${why}`,
    why: "what it programmed stays, and nothing new is: no pod starts here, and a route that changes elsewhere is not followed",
    mend: "ocicat agent",
  })),
  missing("DATASTORE_AWAY", "a datastore that does not answer from the node", "cluster", (why) => ({
    where: "datastore",
    what: why,
    why: "the network stays as it is, and no pod starts or ends until it answers",
    mend: "ocicat datastore serve --help",
    mendOn: "anywhere",
  })),
  check({
    code: "AGENT_NOT_READY",
    severity: "error",
    looksFor: "an agent that waits for something",
    needs: ["agent"],
    *find({ agent }) {
      for (const reason of agent.waitsFor) {
        if (TOLD_BY_OTHERS.some((beginning) => reason.startsWith(beginning))) continue;
        yield {
          where: "agent",
          what: `the agent is not ready: ${reason}`,
          why: "it takes no pod before it is",
          mend: "curl -s --unix-socket /run/ocicat/agent.sock http://agent/readyz",
        };
      }
    },
  }),
  check({
    code: "DATASTORE_LOCKED",
    severity: "warning",
    looksFor: "a datastore that is locked for a migration",
    needs: ["cluster"],
    *find({ cluster }) {
      if (!cluster.locked) return;
      yield {
        where: "ClusterInformation default",
        what: "the datastore is locked for a migration",
        why: "no pod is added or removed, and what is changed takes effect only when it is unlocked",
        mend: "ocicat datastore migrate unlock",
        mendOn: "anywhere",
      };
    },
  }),
  check({
    code: "NODE_WITHOUT_ADDRESS",
    severity: "error",
    looksFor: "a Node resource that is missing or has no address",
    needs: ["cluster", "host"],
    *find({ cluster, host, node }) {
      const self = selfIn(cluster, node);
      if (self?.ipv4 !== undefined || self?.ipv6 !== undefined) return;
      const own = addressOfUplink(host);
      const document = `{apiVersion: projectcalico.org/v3, kind: Node, metadata: {name: ${node}}, spec: {bgp: {ipv4Address: ${own}}}}`;
      yield {
        where: `Node ${node}`,
        what: self === undefined ? "is not in the datastore" : "has no address",
        why: "no other node sends anything to it, and it has no BGP sessions",
        mend: `echo '${document}' | ocicat apply -f -`,
        mendOn: "anywhere",
      };
    },
  }),
  check({
    code: "VALUE_UNREADABLE",
    severity: "error",
    looksFor: "values in the datastore that cannot be read",
    needs: ["cluster"],
    *find({ cluster }) {
      for (const { key, resource, reason } of cluster.unreadable) {
        yield {
          where: key,
          what: `cannot be read: ${reason}`,
          why: "agents treat it as absent",
          mend: resource === undefined ? `ETCDCTL_API=3 etcdctl del ${key}` : `ocicat delete ${resource}`,
          mendOn: "anywhere",
        };
      }
    },
  }),
  check({
    code: "ROUTE_PENDING",
    severity: "error",
    looksFor: "routes that the agent wants and the kernel does not have",
    needs: ["agent", "cluster"],
    *find({ agent, cluster }) {
      for (const { destination, reason } of agent.pendingRoutes) {
        yield {
          where: `route ${destination}`,
          what: `is not in the kernel: ${reason}`,
          why: "packets for these addresses take the default route and are lost",
          ...mendOfRoute(destination, reason, cluster),
        };
      }
    },
  }),
  check({
    code: "RULES_REFUSED",
    severity: "error",
    looksFor: "rules of ours that the kernel refuses",
    needs: ["agent"],
    *find({ agent }) {
      if (agent.ruleFailure === undefined) return;
      yield {
        where: "nftables",
        what: `the kernel refuses our rules: ${agent.ruleFailure}`,
        why: "new pods get no traffic, and leaving the network is not masqueraded",
        mend: "nft list tables | grep ocicat- | xargs -r -L1 nft delete",
      };
    },
  }),
  check({
    code: "RULES_NOT_OWNED",
    severity: "warning",
    looksFor: "tables of ours that anybody can change, where the kernel could keep them",
    // Nobody owns the tables of an agent that is away.
    needs: ["agent", "host"],
    *find({ host }) {
      // Tables that outlive their owner came with Linux 6.9.
      if (isBefore(host.release, 6, 9)) return;
      for (const { name, owned } of host.ourTables) {
        if (owned) continue;
        yield {
          where: `table ${name}`,
          what: "is not owned by the agent",
          why: "any program can change or flush it, as firewalls do when they start",
          mend: `nft delete table ${name}`,
        };
      }
    },
  }),
  check({
    code: "BGP_SESSION_DOWN",
    severity: "error",
    looksFor: "BGP sessions that are not established though the peer's port answers",
    needs: ["agent", "peers"],
    *find({ agent, peers }) {
      for (const { node, address, state, info } of agent.sessions) {
        const asked = peers.find((peer) => peer.node === node && formatAddress(peer.address) === address);
        // Told by BGP_BLOCKED or NODE_UNREACHABLE.
        const explained = asked !== undefined && (!isReached(asked) || asked.bgp?.answer.came !== "answer");
        if (state === "Established" || explained) continue;
        yield {
          where: `BGP session with ${node ?? "a peer"} (${address})`,
          what: `is ${state}${info === "" || info === state ? "" : `: ${info}`}`,
          why: "its blocks are not learned, and ours are not known there",
          mend: node === undefined ? "ocicat node status" : "ocicat doctor",
          ...(node === undefined ? {} : { mendOn: { node } }),
        };
      }
    },
  }),
];

/** As `address/length`; what is written where there is none is refused, and says so. */
function addressOfUplink(host: HostFacts): string {
  const link = uplinkOf(host);
  const own = host.addresses.find(({ linkIndex, address }) => linkIndex === link?.index && typeof address === "number");
  return own === undefined ? "ADDRESS/LENGTH" : `${formatAddress(own.address)}/${own.prefixLength}`;
}

/** By what keeps it away: a link that is down, a router between that knows nothing of pods; else it is explained. */
function mendOfRoute(destination: string, reason: string, cluster: ClusterFacts): Pick<Found, "mend" | "mendOn"> {
  const down = /^interface (\S+) is down$/.exec(reason)?.[1];
  if (down !== undefined) return { mend: `ip link set ${down} up` };
  const pool = cluster.pools.find(({ cidr }) => cidr.covers(parsePrefix(destination)));
  if (pool !== undefined && tunnelOf(pool) === undefined && reason.includes("on no subnet of this node")) {
    return { mend: withMode(pool, "CrossSubnet"), mendOn: "anywhere" };
  }
  return { mend: `ocicat routes why ${destination}` };
}
