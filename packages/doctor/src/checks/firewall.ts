import {
  type ActualTable,
  type BaseChain,
  type Chain,
  type Drop,
  describeRule,
  dropsAt,
  type Rule,
  type Table,
} from "@ocicat/nftables";
import { type Check, check } from "../check.ts";
import type { ClusterFacts } from "../facts.ts";
import type { Found, Traffic } from "../finding.ts";
import { describePacket, type Flow, flowsOf } from "./flows.ts";

const TITLES: Readonly<Record<Traffic, string>> = {
  bgp: "BGP between nodes",
  vxlan: "VXLAN between nodes",
  ipip: "IPIP between nodes",
  pods: "packets of pods",
};

export const FIREWALL_CHECKS: readonly Check[] = [
  check({
    code: "FIREWALL_DROPS",
    severity: "error",
    looksFor: "rules of other firewalls (docker's, firewalld's, ufw's, anybody's) that drop what must pass",
    needs: ["host", "cluster", "firewall"],
    *find({ host, cluster, firewall, node }) {
      const foreign = firewall.tables.filter(({ table }) => !isOurs(table.name));
      const dropped = flowsOf(host, cluster, node).flatMap((flow) => dropsOn(flow, foreign, firewall.legacy));
      // Both ways, and BGP's two, are one finding where one rule stands in the way of them.
      for (const [, members] of Map.groupBy(dropped, ({ flow, place }) => `${flow.traffic} ${place}`)) {
        const [first] = members;
        if (first === undefined) continue;
        const certain = members.some(({ drop }) => drop.certain);
        yield {
          where: first.place,
          what: `drops ${TITLES[first.flow.traffic]} ${describePacket(first.flow.packet)}: ${first.says}`,
          why: "an accept of ours does not override it: a packet passes only if every table lets it by",
          mend: mendOf(
            members.map(({ flow }) => flow),
            first,
            cluster,
          ),
          sure: certain ? "certain" : "possible",
          about: { traffic: first.flow.traffic },
        };
      }
    },
  }),
  check({
    code: "LEFTOVER_RULES",
    severity: "warning",
    looksFor: "tables and chains that another network left, such as an older Calico's",
    needs: ["firewall"],
    *find({ firewall }) {
      const modern = firewall.tables.map(({ table }) => ({ table, program: iptablesOf(table) }));
      const legacy = firewall.legacy.map((table) => ({ table, program: legacyProgram(table) }));
      for (const { table, program } of [...modern, ...legacy]) {
        const left = LEFT_TABLES.get(table.name);
        if (left !== undefined) {
          const ref = `table ${table.family} ${table.name}`;
          yield leftover(ref, left, `nft delete ${ref}`);
          continue;
        }
        for (const { prefix, network } of LEFT_CHAINS) {
          const chains = table.chains.filter(({ name }) => name.startsWith(prefix));
          if (chains.length === 0) continue;
          yield leftover(
            `${chains.length} ${chains.length === 1 ? "chain" : "chains"} ${prefix}* in table ${table.name} of ${program}`,
            network,
            // Every line that names one of them, whole tables at a time; what is not written back is gone.
            `${program}-save -t ${table.name} | grep -v -e '${prefix}' | ${program}-restore -T ${table.name}`,
          );
        }
      }
    },
  }),
  check({
    code: "FIREWALL_UNREAD",
    severity: "warning",
    looksFor: "tables of iptables' old interface, which could not be read",
    needs: ["firewall"],
    *find({ firewall }) {
      for (const { family, name, why } of firewall.unread) {
        const program = family === 4 ? "iptables-legacy" : "ip6tables-legacy";
        yield {
          where: `legacy table ${name} (IPv${family})`,
          what: `is there beside nftables, and could not be read: ${why}`,
          why: "its rules hold as well, and nft does not show them",
          mend: `${program} -t ${name} -S`,
          sure: "possible",
        };
      }
    },
  }),
];

interface Dropped {
  readonly flow: Flow;
  readonly drop: Drop;
  /** The rule or policy, as nft finds it. */
  readonly place: string;
  readonly says: string;
  /** Of iptables' old interface. */
  readonly program: string | undefined;
}

function iptablesOf({ family }: Table): string {
  return family === "ip6" ? "ip6tables" : "iptables";
}

function legacyProgram({ family }: Table): string {
  return family === "ip6" ? "ip6tables-legacy" : "iptables-legacy";
}

function dropsOn(flow: Flow, tables: readonly ActualTable[], legacy: readonly Table[]): readonly Dropped[] {
  const plain = [...legacy, ...tables.map(({ table }) => table)];
  return flow.hooks.flatMap((hook) =>
    dropsAt(plain, hook, knownAt(hook, flow)).map((drop) => {
      const { chain, rule, table } = drop;
      const program = legacy.includes(table) ? legacyProgram(table) : undefined;
      const name =
        program === undefined
          ? `chain ${table.family} ${table.name} ${chain.name}`
          : `${program} -t ${table.name}, chain ${chain.name}`;
      const common = { flow, drop, program };
      if (rule === undefined) return { ...common, place: name, says: "its policy is drop" };
      if (program !== undefined) {
        return { ...common, place: `${name}, rule ${chain.rules.indexOf(rule) + 1}`, says: describeRule(rule) };
      }
      const handle = handleOf(tables, drop, chain, rule);
      return { ...common, place: `${name}, rule with handle ${handle}`, says: describeRule(rule) };
    }),
  );
}

/** Before it is routed a packet has no outgoing interface; after, the incoming one cannot be asked for everywhere. */
function knownAt(hook: Flow["hooks"][number], { packet }: Flow): Flow["packet"] {
  return hook === "prerouting" ? { ...packet, outgoing: "" } : packet;
}

function handleOf(tables: readonly ActualTable[], { table }: Drop, chain: Chain, rule: Rule): string {
  const states = tables.find((actual) => actual.table === table)?.ruleStates.get(chain.name);
  return String(states?.[chain.rules.indexOf(rule)]?.handle ?? "unknown");
}

function isOurs(table: string): boolean {
  return table.startsWith("ocicat-");
}

/** An accept in front of all that the chain at the hook says: in the words of whoever keeps that chain. */
function mendOf(flows: readonly Flow[], { drop, program }: Dropped, cluster: ClusterFacts): string {
  const { table, base, chain } = drop;
  if (table.name === "firewalld") return commands(FIREWALLD, flows, cluster);
  if (/^ufw6?-/.test(chain.name)) return commands(UFW, flows, cluster);
  const matches = flows.map((flow) => (isIptables(table.family, base) ? flow.iptables : flow.nft));
  const lines = [...new Set(matches)].map((match) =>
    isIptables(table.family, base)
      ? `${program ?? iptablesOf(table)}${table.name === "filter" ? "" : ` -t ${table.name}`} -I ${chainFor(table.chains, base)} ${match} -j ACCEPT`
      : `nft 'insert rule ${table.family} ${table.name} ${base.name} ${match} accept'`,
  );
  return lines.join(" && ");
}

/** Docker keeps this chain for others' rules, and writes its own anew when it starts. */
const DOCKER_USER = "DOCKER-USER";

function chainFor(chains: readonly Chain[], base: BaseChain): string {
  return base.name === "FORWARD" && chains.some(({ name }) => name === DOCKER_USER) ? DOCKER_USER : base.name;
}

/** Tables that iptables makes have its chains, in capitals. */
function isIptables(family: string, base: BaseChain): boolean {
  return (family === "ip" || family === "ip6") && base.name === base.hook.toUpperCase();
}

type Tool = Readonly<Record<Traffic, (pools: readonly string[]) => string>>;

function commands(tool: Tool, flows: readonly Flow[], cluster: ClusterFacts): string {
  const pools = cluster.pools.filter(({ disabled }) => !disabled).map(({ cidr }) => cidr.toString());
  return [...new Set(flows.map(({ traffic }) => tool[traffic](pools)))].join(" && ");
}

const permanent = (what: string) => `firewall-cmd --permanent ${what} && firewall-cmd --reload`;

const FIREWALLD: Tool = {
  bgp: () => permanent("--add-port=179/tcp"),
  vxlan: () => permanent("--add-port=4789/udp"),
  ipip: () => permanent("--add-protocol=ipip"),
  pods: (pools) => permanent(`--zone=trusted ${pools.map((pool) => `--add-source=${pool}`).join(" ")}`),
};

const UFW: Tool = {
  bgp: () => "ufw allow 179/tcp",
  vxlan: () => "ufw allow 4789/udp",
  ipip: () => "iptables -I ufw-before-input -p 4 -j ACCEPT && iptables -I ufw-before-output -p 4 -j ACCEPT",
  pods: (pools) => pools.map((pool) => `ufw route allow from ${pool} && ufw route allow to ${pool}`).join(" && "),
};

const LEFT_TABLES: ReadonlyMap<string, string> = new Map([
  ["calico", "Calico"],
  ["kube-router", "kube-router"],
  ["antrea", "Antrea"],
  ["weave", "Weave"],
]);

const LEFT_CHAINS = [
  { prefix: "cali-", network: "Calico" },
  { prefix: "FLANNEL-", network: "flannel" },
  { prefix: "WEAVE", network: "Weave" },
  { prefix: "CILIUM_", network: "Cilium" },
  { prefix: "KUBE-ROUTER-", network: "kube-router" },
  { prefix: "ANTREA-", network: "Antrea" },
] as const;

function leftover(where: string, network: string, mend: string): Found {
  return {
    where,
    what: `is ${network}'s`,
    why: "its rules decide about pods' packets that they no longer know: those of interfaces cali* are dropped",
    mend,
    sure: "likely",
  };
}
