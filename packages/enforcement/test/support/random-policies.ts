import { compileSelector, type Selector } from "@ocicat/api";
import { type Random, seededRandom } from "@ocicat/kit";
import { type Address, type Family, type Ipv4, type Ipv6, Prefix, parsePrefix } from "@ocicat/net";
import {
  type Action,
  type End,
  type Host,
  hasPorts,
  type IcmpMatch,
  type NetworkSet,
  type Policy,
  type PolicyModel,
  type PortMatch,
  type Profile,
  Protocol,
  policyId,
  type Rule,
  type Service,
  type Tier,
  type Workload,
} from "@ocicat/policy";

/** How large, and of what: the same seed and options give the same model. */
export interface RandomPolicyOptions {
  /** Workloads on the node under test, `node1`. Default 6. */
  readonly local?: number;
  /** Workloads on `node2`. Default 3. */
  readonly remote?: number;
  /** At most. Default 8. */
  readonly policies?: number;
  /** A policy's rules of one direction, at most. Default 4. */
  readonly rules?: number;
  /** Host endpoints, and the policies that only they have. Default none. */
  readonly hosts?: boolean;
  /** Default both. */
  readonly families?: readonly Family[];
}

export const NODE = "node1";

/** Endpoints, and everything that rules can say of them, thrown together from one small stock, so that much overlaps. */
export function randomPolicies(seed: number, options: RandomPolicyOptions = {}): PolicyModel {
  return withNodes(new Thrower(seededRandom(seed), options).model(), new Thrower(seededRandom(~seed >>> 0), options));
}

const NAMESPACES = ["blue", "green", "red"];
const NAMES = ["http", "dns", "metrics"];
const PROTOCOLS = [Protocol.tcp, Protocol.udp, Protocol.sctp];
const PORTS = [53, 80, 81, 443, 8080];
const LABELS: Readonly<Record<string, readonly string[]>> = {
  app: ["web", "db", "api"],
  zone: ["east", "west"],
  canary: ["yes"],
};
/** Some hold the pods' addresses (10.65.0.0/24 and fd65::/64), some do not, some do in part. */
const NETWORKS = [
  "0.0.0.0/0",
  "10.0.0.0/8",
  "10.65.0.0/24",
  "10.65.0.0/30",
  "10.65.0.2/32",
  "10.65.0.4/31",
  "192.0.2.0/24",
  "198.51.100.7/32",
  "::/0",
  "fd65::/64",
  "fd65::/126",
  "fd65::2/128",
  "2001:db8::/32",
  "2001:db8::7/128",
];

export const NO_END: End = {
  networks: [],
  notNetworks: [],
  selector: undefined,
  notSelector: undefined,
  nodes: undefined,
  ports: [],
  notPorts: [],
  service: undefined,
};

/** Thrown apart from all else, so that what else is thrown does not hang by it. */
function withNodes(model: PolicyModel, thrower: Thrower): PolicyModel {
  const rules = (all: readonly Rule[]) =>
    all.map((rule) => ({ ...rule, destination: thrower.endWithNodes(rule.destination) }));
  const policies = model.policies.map((policy) => ({
    ...policy,
    ingress: rules(policy.ingress),
    egress: rules(policy.egress),
  }));
  return { ...model, policies, nodeSets: [thrower.nodeSet(0), thrower.nodeSet(1)] };
}

class Thrower {
  readonly #random: Random;
  readonly #options: Required<RandomPolicyOptions>;

  constructor(random: Random, options: RandomPolicyOptions) {
    this.#random = random;
    this.#options = { local: 6, remote: 3, policies: 8, rules: 4, hosts: false, families: [4, 6], ...options };
  }

  model(): PolicyModel {
    const { local, remote, policies, hosts } = this.#options;
    const profiles = [...NAMESPACES.map((name) => `kns.${name}`), "plain"].flatMap((name) =>
      this.#chance(90) ? [this.#profile(name)] : [],
    );
    const tiers = this.#tiers();
    const workloads = this.#times(local + remote, (index) => this.#workload(index, index < local ? NODE : "node2"));
    const services = this.#times(2, (index) => this.#service(`svc${index}`, workloads));
    return {
      tiers,
      policies: this.#times(this.#below(policies + 1), (index) => this.#policy(index, tiers, services)),
      profiles,
      endpoints: [...workloads, ...(hosts ? this.#hosts() : [])],
      networkSets: this.#times(3, (index) => this.#networkSet(index)),
      services,
      settings: {
        endpointToHost: this.#pick(["drop", "accept", "return"]),
        failsafeInbound: [{ protocol: Protocol.tcp, port: 22, network: undefined }],
        failsafeOutbound: [{ protocol: Protocol.udp, port: 53, network: this.#maybe(50, () => this.#network())[0] }],
        dropInvalid: this.#chance(80),
        allowVxlanFromWorkloads: this.#chance(20),
        allowIpipFromWorkloads: this.#chance(20),
        vxlanPort: this.#pick([4789, 80]),
      },
    };
  }

  #tiers(): Tier[] {
    const extra = this.#times(this.#below(3), (index) => ({
      name: `tier${index}`,
      order: this.#pick([10, 10, 20, 2_000_000, Number.POSITIVE_INFINITY]),
      defaultAction: this.#pick(["deny", "pass"] as const),
    }));
    return [{ name: "default", order: 1_000_000, defaultAction: "deny" as const }, ...extra];
  }

  #workload(index: number, node: string): Workload {
    const namespace = this.#pick(NAMESPACES);
    const name = `pod${index}`;
    return {
      kind: "workload",
      id: `${namespace}/${node}-k8s-${name}-eth0`,
      workload: `${namespace}/${name}`,
      namespace,
      node,
      labels: { ...this.#labels(), "projectcalico.org/namespace": namespace },
      profiles: this.#subset([`kns.${namespace}`, "plain"], 70),
      ports: NAMES.flatMap((port) =>
        this.#maybe(40, () => ({ name: port, protocol: this.#pick(PROTOCOLS), port: this.#pick(PORTS) })),
      ),
      interfaceName: `cali${index}`,
      addresses: this.#options.families.map((family) => addressOf(family, index + 1)),
      allowedSources: [],
    };
  }

  #hosts(): Host[] {
    const host = (name: string, interfaceName: string): Host => ({
      kind: "host",
      id: name,
      node: NODE,
      labels: this.#labels(),
      profiles: this.#subset(["plain"], 50),
      ports: [{ name: "http", protocol: Protocol.tcp, port: 80 }],
      interfaceName,
      addresses: this.#options.families.map((family) => addressOf(family, 200)),
    });
    return this.#subset([host("uplink", "eth0"), host("second", "eth1"), host("all", "*")], 60);
  }

  #networkSet(index: number): NetworkSet {
    const namespace = this.#maybe(50, () => this.#pick(NAMESPACES))[0];
    const labels = this.#labels();
    return namespace === undefined
      ? {
          kind: "GlobalNetworkSet",
          id: `set${index}`,
          labels,
          profiles: [],
          networks: this.#some(3, () => this.#network()),
        }
      : {
          kind: "NetworkSet",
          id: `${namespace}/set${index}`,
          labels: { ...labels, "projectcalico.org/namespace": namespace },
          profiles: [],
          networks: this.#some(3, () => this.#network()),
        };
  }

  /** Some ends choose nodes instead. */
  endWithNodes(end: End): End {
    return this.#chance(92) ? end : { ...NO_END, ports: end.ports, nodes: this.#selector(undefined) };
  }

  /** At addresses of its own, and at another's. */
  nodeSet(index: number): NetworkSet {
    const networks = this.#options.families.flatMap((family) =>
      [200 + index, this.#below(6)].map((host) => Prefix.host(addressOf(family, host))),
    );
    return { kind: "Node", id: `node${index + 1}`, labels: this.#labels(), profiles: [], networks };
  }

  #service(name: string, workloads: readonly Workload[]): Service {
    const protocol = this.#pick(PROTOCOLS);
    const port = this.#pick(PORTS);
    return {
      namespace: this.#pick(NAMESPACES),
      name,
      endpoints: this.#subset(workloads, 40).flatMap(({ addresses }) =>
        addresses.map((address) => ({ address, at: this.#chance(90) ? { protocol, port } : undefined })),
      ),
    };
  }

  #profile(name: string): Profile {
    return {
      name,
      labels: { [`pcns.${this.#pick(Object.keys(LABELS))}`]: this.#pick(["web", "east", "yes"]) },
      ingress: this.#some(2, (index) => this.#rule(`spec.ingress[${index}]`, undefined, [], "ingress")),
      egress: this.#some(2, (index) => this.#rule(`spec.egress[${index}]`, undefined, [], "egress")),
    };
  }

  #policy(index: number, tiers: readonly Tier[], services: readonly Service[]): Policy {
    const namespace = this.#maybe(50, () => this.#pick(NAMESPACES))[0];
    const staged = this.#maybe(15, () => this.#pick(["set", "delete", "learn", "ignore"] as const))[0];
    const kind = `${staged === undefined ? "" : "Staged"}${namespace === undefined ? "Global" : ""}NetworkPolicy`;
    const name = `policy${index}`;
    const stage =
      this.#options.hosts && namespace === undefined ? this.#pick(["", "", "untracked", "preDnat", "forward"]) : "";
    const directions = stage === "preDnat" ? (["ingress"] as const) : this.#directions();
    const limits = namespace === undefined ? [] : [`projectcalico.org/namespace == "${namespace}"`];
    const rules = (direction: "ingress" | "egress") =>
      this.#some(this.#options.rules, (number) =>
        this.#rule(`spec.${direction}[${number}]`, namespace, services, direction),
      );
    return {
      id: policyId(kind, namespace, name),
      resource: { kind, name: namespace === undefined ? name : `${namespace}/${name}` },
      namespace,
      tier: this.#pick(tiers).name,
      order: this.#pick([1, 1, 2, 3.5, Number.POSITIVE_INFINITY]),
      selector: compileSelector([...limits, `(${this.#selectorText()})`].join(" && ")),
      directions,
      ingress: rules("ingress"),
      egress: stage === "preDnat" ? [] : rules("egress"),
      untracked: stage === "untracked",
      preDnat: stage === "preDnat",
      // Both stages before the normal one are for what is forwarded too.
      applyOnForward: stage !== "",
      staged,
      neededEverywhere: this.#chance(5),
    };
  }

  #directions(): readonly ("ingress" | "egress")[] {
    return this.#pick([["ingress"], ["egress"], ["ingress", "egress"]] as const);
  }

  #rule(
    field: string,
    namespace: string | undefined,
    services: readonly Service[],
    direction: "ingress" | "egress",
  ): Rule {
    const protocol = this.#maybe(60, () => this.#pick([...PROTOCOLS, Protocol.icmp, Protocol.icmpv6, 47]))[0];
    const icmp = protocol === Protocol.icmp || protocol === Protocol.icmpv6;
    const ports = protocol !== undefined && hasPorts(protocol);
    const service =
      direction === "egress" && !ports && services.length > 0
        ? this.#maybe(10, () => this.#pick(services))[0]
        : undefined;
    const destination = this.#end(namespace, ports);
    return {
      action: this.#pick<Action>(["allow", "allow", "allow", "deny", "deny", "pass", "log"]),
      ipVersion: this.#maybe(15, () => this.#pick([4, 6] as const))[0],
      protocol,
      notProtocol: protocol === undefined ? this.#maybe(15, () => this.#pick([...PROTOCOLS, 1, 58]))[0] : undefined,
      icmp: icmp ? this.#maybe(60, () => this.#icmp())[0] : undefined,
      notIcmp: icmp ? this.#maybe(25, () => this.#icmp())[0] : undefined,
      source: this.#end(namespace, ports && this.#chance(30)),
      destination: service === undefined ? destination : { ...NO_END, service },
      field,
      broken: undefined,
    };
  }

  #icmp(): IcmpMatch {
    return { type: this.#pick([0, 3, 8, 128]), code: this.#maybe(50, () => this.#pick([0, 1]))[0] };
  }

  #end(namespace: string | undefined, ports: boolean): End {
    if (this.#chance(25)) return NO_END;
    return {
      networks: this.#maybe(30, () => this.#network()).concat(this.#maybe(15, () => this.#network())),
      notNetworks: this.#maybe(20, () => this.#network()),
      selector: this.#maybe(50, () => this.#selector(namespace))[0],
      notSelector: this.#maybe(15, () => this.#selector(undefined))[0],
      nodes: undefined,
      ports: ports ? this.#some(2, () => this.#port()) : [],
      notPorts: ports ? this.#maybe(20, () => this.#port()) : [],
      service: undefined,
    };
  }

  #port(): PortMatch {
    if (this.#chance(30)) return { kind: "name", name: this.#pick(NAMES) };
    const first = this.#pick(PORTS);
    return { kind: "range", first, last: this.#chance(30) ? first + this.#below(400) : first };
  }

  #network(): Prefix {
    const fitting = NETWORKS.map((text) => parsePrefix(text)).filter(({ family }) =>
      this.#options.families.includes(family),
    );
    return this.#pick(fitting);
  }

  #selector(namespace: string | undefined): Selector {
    const text = this.#selectorText();
    return compileSelector(
      namespace === undefined ? text : `projectcalico.org/namespace == "${namespace}" && (${text})`,
    );
  }

  #selectorText(): string {
    const label = this.#pick(Object.keys(LABELS));
    const value = this.#pick(LABELS[label] ?? []);
    return this.#pick([
      "all()",
      `has(${label})`,
      `!has(${label})`,
      `${label} == "${value}"`,
      `${label} == "${value}"`,
      `${label} != "${value}"`,
      `${label} in {"${value}", "web"}`,
      `${label} == "${value}" || has(canary)`,
      `has(pcns.${label})`,
      `projectcalico.org/namespace == "${this.#pick(NAMESPACES)}"`,
    ]);
  }

  #labels(): Record<string, string> {
    return Object.fromEntries(
      Object.entries(LABELS).flatMap(([label, values]) => this.#maybe(65, () => [label, this.#pick(values)])),
    );
  }

  /** In [0, bound). */
  #below(bound: number): number {
    return Math.floor((this.#random.uint32() / 2 ** 32) * bound);
  }

  #chance(percent: number): boolean {
    return this.#below(100) < percent;
  }

  #pick<T>(from: readonly T[]): T {
    const picked = from[this.#below(from.length)];
    if (picked === undefined) throw new RangeError("nothing to pick from");
    return picked;
  }

  #maybe<T>(percent: number, make: () => T): T[] {
    return this.#chance(percent) ? [make()] : [];
  }

  #times<T>(count: number, make: (index: number) => T): T[] {
    return Array.from({ length: count }, (_, index) => make(index));
  }

  /** From none to `most`. */
  #some<T>(most: number, make: (index: number) => T): T[] {
    return this.#times(this.#below(most + 1), make);
  }

  #subset<T>(from: readonly T[], percent: number): T[] {
    return from.filter(() => this.#chance(percent));
  }
}

/** 10.65.0.n and fd65::n. */
function addressOf(family: Family, host: number): Address {
  return family === 4 ? ((0x0a41_0000 + host) as Ipv4) : (((0xfd65n << 112n) + BigInt(host)) as Ipv6);
}

/** The smallest part of a model that still fails, as far as leaving out one thing after the other finds it. */
export function shrinkPolicies(model: PolicyModel, fails: (model: PolicyModel) => boolean): PolicyModel {
  const smaller = smallerThan(model).find(fails);
  return smaller === undefined ? model : shrinkPolicies(smaller, fails);
}

/** The model without one thing: larger things first. */
function smallerThan(model: PolicyModel): PolicyModel[] {
  return [
    ...without(model.policies).map((policies) => ({ ...model, policies })),
    ...without(model.endpoints).map((endpoints) => ({ ...model, endpoints })),
    ...without(model.networkSets).map((networkSets) => ({ ...model, networkSets })),
    ...without(model.nodeSets ?? []).map((nodeSets) => ({ ...model, nodeSets })),
    ...without(model.services).map((services) => ({ ...model, services })),
    ...without(model.profiles).map((profiles) => ({ ...model, profiles })),
    ...model.policies.flatMap((policy, index) =>
      smallerRules(policy).map((smaller) => ({ ...model, policies: model.policies.with(index, smaller) })),
    ),
    ...model.profiles.flatMap((profile, index) =>
      smallerRules(profile).map((smaller) => ({ ...model, profiles: model.profiles.with(index, smaller) })),
    ),
  ];
}

function smallerRules<T extends { readonly ingress: readonly Rule[]; readonly egress: readonly Rule[] }>(of: T): T[] {
  return (["ingress", "egress"] as const).flatMap((direction) => [
    ...without(of[direction]).map((rules) => ({ ...of, [direction]: rules })),
    ...of[direction].flatMap((rule, index) =>
      smallerRule(rule).map((smaller) => ({ ...of, [direction]: of[direction].with(index, smaller) })),
    ),
  ]);
}

function smallerRule(rule: Rule): Rule[] {
  const ends = (["source", "destination"] as const).flatMap((side) =>
    (Object.keys(NO_END) as (keyof End)[])
      .filter((part) => isGiven(rule[side][part]))
      .map((part) => ({ ...rule, [side]: { ...rule[side], [part]: NO_END[part] } })),
  );
  const parts = (["ipVersion", "notProtocol", "icmp", "notIcmp"] as const).filter((part) => rule[part] !== undefined);
  return [...ends, ...parts.map((part) => ({ ...rule, [part]: undefined }))];
}

function isGiven(part: End[keyof End]): boolean {
  return Array.isArray(part) ? part.length > 0 : part !== undefined;
}

function without<T>(list: readonly T[]): (readonly T[])[] {
  return list.map((_, index) => list.toSpliced(index, 1));
}
