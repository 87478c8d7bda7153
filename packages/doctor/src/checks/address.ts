import { compareAddresses, formatAddress } from "@ocicat/net";
import { type Check, check } from "../check.ts";
import { linkWith, selfIn, uplinkOf } from "../facts.ts";

/** Bridges that container and virtual machine software makes: an address there is no node's. */
const FOREIGN_BRIDGE =
  /^(docker\d+|br-[0-9a-f]{12}|virbr\d+|lxcbr\d+|lxdbr\d+|cni\d+|podman\d+|kube-bridge|flannel\.\d+|weave)$/;

export const ADDRESS_CHECKS: readonly Check[] = [
  check({
    code: "ADDRESS_GONE",
    severity: "error",
    looksFor: "a node's address that is on no interface of it",
    // Without its address it may not reach the datastore: the agent knows it, too.
    needs: ["host", "agent"],
    *find({ host, agent, node }) {
      for (const { address, length } of agent.addresses) {
        if (linkWith(host, address) !== undefined) continue;
        const text = `${formatAddress(address)}/${length}`;
        yield {
          where: `Node ${node}`,
          what: `its address ${text} is on no interface`,
          why: "the other nodes send to it, and nobody answers",
          mend: `ip address add ${text} dev ${uplinkOf(host)?.name ?? "eth0"}`,
          // It may be that the machine's address has changed for good.
          sure: "likely",
        };
      }
    },
  }),
  check({
    code: "LINK_DOWN",
    severity: "error",
    looksFor: "the interface of the node's address being down",
    needs: ["host", "cluster"],
    *find({ host, cluster, node }) {
      const self = selfIn(cluster, node);
      const links = [self?.ipv4, self?.ipv6].flatMap((own) =>
        own === undefined ? [] : (linkWith(host, own.address) ?? []),
      );
      for (const link of new Set(links)) {
        if (link.up) continue;
        yield {
          where: `interface ${link.name}`,
          what: "it is down, and has the node's address",
          why: "no other node is reached by it",
          mend: `ip link set ${link.name} up`,
        };
      }
    },
  }),
  check({
    code: "ADDRESS_ON_BRIDGE",
    severity: "error",
    looksFor: "a node's address on a bridge that other software made",
    needs: ["host", "cluster"],
    *find({ host, cluster, node }) {
      const self = selfIn(cluster, node);
      for (const own of [self?.ipv4, self?.ipv6]) {
        const link = own === undefined ? undefined : linkWith(host, own.address);
        if (own === undefined || link === undefined || !FOREIGN_BRIDGE.test(link.name)) continue;
        yield {
          where: `interface ${link.name}`,
          what: `the node's address ${formatAddress(own.address)} is on it`,
          why: "such bridges have the same address on every machine: the other nodes reach their own bridge",
          mend: `IP_AUTODETECTION_METHOD=skip-interface=${link.name} ocicat agent`,
        };
      }
    },
  }),
  check({
    code: "ADDRESS_SHARED",
    severity: "error",
    looksFor: "an address that two nodes have",
    needs: ["cluster"],
    *find({ cluster, node }) {
      const self = selfIn(cluster, node);
      for (const family of ["ipv4", "ipv6"] as const) {
        const own = self?.[family];
        const others = cluster.nodes.filter((row) => row.name !== node && own?.address === row[family]?.address);
        if (own === undefined || others.length === 0) continue;
        const names = others.map((row) => row.name);
        yield {
          where: `Node ${node}`,
          what: `its address ${formatAddress(own.address)} is also that of ${names.join(", ")}`,
          why: "packets for both go to one of them; an older name of this machine, or an address from a bridge",
          mend: `ocicat delete node ${names.join(" ")}`,
          mendOn: "anywhere",
          sure: "likely",
        };
      }
    },
  }),
  check({
    code: "ADDRESS_DIFFERS",
    severity: "error",
    looksFor: "an address in the datastore that is not the one the agent goes by",
    needs: ["agent", "cluster"],
    *find({ agent, cluster, node }) {
      const self = selfIn(cluster, node);
      for (const { address } of agent.addresses) {
        const [field, stored] = typeof address === "number" ? ["ipv4Address", self?.ipv4] : ["ipv6Address", self?.ipv6];
        if (stored === undefined || compareAddresses(stored.address, address) === 0) continue;
        const [is, should] = [formatAddress(stored.address), formatAddress(address)];
        yield {
          where: `Node ${node}`,
          what: `its address is ${is} in the datastore, and ${should} for its agent`,
          why: "the other nodes send to an address that this one does not use",
          mend: `ocicat get node ${node} -o yaml | sed 's#${field}: ${is}/#${field}: ${should}/#' | ocicat apply -f -`,
          mendOn: "anywhere",
        };
      }
    },
  }),
  check({
    code: "ADDRESS_AMBIGUOUS",
    severity: "warning",
    looksFor: "a node's address that was chosen among several equally good ones",
    needs: ["agent"],
    *find({ agent }) {
      for (const { address, interfaceName, others, why } of agent.addresses) {
        if (others.length === 0) continue;
        const variable = typeof address === "number" ? "IP_AUTODETECTION_METHOD" : "IP6_AUTODETECTION_METHOD";
        yield {
          where: `interface ${interfaceName}`,
          what: `its address ${formatAddress(address)} was taken for the node's (${why}); ${others.join(", ")} would have done as well`,
          why: "if it is the wrong one the other nodes send where this one is not reached, and after a reboot it may be another",
          mend: `${variable}=interface=${interfaceName} ocicat agent`,
          sure: "possible",
        };
      }
    },
  }),
];
