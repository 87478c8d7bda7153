import type { Labels } from "@ocicat/api";
import { OcicatError } from "@ocicat/kit";
import {
  type Address,
  AddressError,
  formatAddress,
  type Ipv4,
  type Ipv6,
  Prefix,
  parseAddress,
  parsePrefix,
} from "@ocicat/net";
import { LineCounter, parseDocument } from "yaml";
import { type Bandwidth, isRate, type PortMapping, parsePortMapping } from "./capabilities.ts";
import { checkLabels } from "./labels.ts";
import { isLabName, isPartName, LAB_NAME_RULE, PART_NAME_RULE } from "./names.ts";

/** An address on a segment, with the segment's prefix length. */
export interface InterfaceAddress<A extends Address = Ipv4> {
  readonly address: A;
  readonly prefixLength: number;
}

/** Where something is plugged in. Every plug has an IPv4 address; one with an IPv6 address as well is dual-stack. */
export interface LabPlug {
  readonly segment: string;
  readonly interface: InterfaceAddress;
  readonly interface6: InterfaceAddress<Ipv6> | undefined;
}

/** A machine with one plug. */
export interface LabStation extends LabPlug {
  readonly name: string;
  /** Undefined: it has no default route. */
  readonly gateway: Ipv4 | undefined;
  readonly gateway6: Ipv6 | undefined;
}

export interface LabNode extends LabStation {}

export interface LabHost extends LabStation {}

export interface LabRouter {
  readonly name: string;
  readonly interfaces: readonly LabPlug[];
}

export interface LabPod {
  readonly name: string;
  readonly node: string;
  readonly namespace: string;
  readonly ports: readonly PortMapping[];
  readonly bandwidth: Bandwidth | undefined;
  /** Of its endpoint, for policies to select by. */
  readonly labels: Labels;
}

/** What brings nodes each other's routes: CALICO_NETWORKING_BACKEND of their agents. */
export const BACKENDS = ["bird", "vxlan", "none"] as const;
export type Backend = (typeof BACKENDS)[number];

/** A cluster's own side of a topology. */
export interface KubernetesTopology {
  /** The host that its control plane runs on, beside the nodes. */
  readonly controlPlane: string;
  readonly proxyMode: ProxyMode;
  /** One prefix, or one a family with a comma between. */
  readonly serviceCidr: string;
  /** What makes its nodes ready; with none, they stay as they are until somebody applies something. */
  readonly network: "ocicat" | "none";
}

const PROXY_MODES = ["nftables", "iptables"] as const;
export type ProxyMode = (typeof PROXY_MODES)[number];

/** What can be made by hand. */
const BY_HAND = ["tunnel"] as const;

/** What a lab consists of. Pools are handed on as they are written: their meaning is the API's. */
export interface Topology {
  readonly name: string;
  /** What nodes call their interface on the segment. */
  readonly nodeInterface: string;
  readonly backend: Backend;
  /** The lab is made by hand, step by step, and has nothing else in it: no node, and so no agent. */
  readonly byHand: "tunnel" | undefined;
  /** Its nodes are of a Kubernetes cluster: what runs on them is that cluster's business. */
  readonly kubernetes: KubernetesTopology | undefined;
  readonly segments: readonly string[];
  readonly routers: readonly LabRouter[];
  readonly hosts: readonly LabHost[];
  readonly nodes: readonly LabNode[];
  /** The node that serves the datastore; "" where there is no node, and where the datastore is Kubernetes. */
  readonly datastore: string;
  readonly pools: readonly Readonly<Record<string, unknown>>[];
  readonly pods: readonly LabPod[];
}

/** A topology file that cannot be used: file, line where known, field, value and rule. */
export class TopologyError extends OcicatError {
  constructor(where: string, what: string, fix?: string) {
    super({ code: "LAB_TOPOLOGY", where, what, fix });
  }
}

/** A Kubernetes namespace given on the command line. Throws OcicatError LAB_NAME. */
export function checkNamespace(name: string): string {
  if (isNamespace(name)) return name;
  throw new OcicatError({ code: "LAB_NAME", what: `"${name}" is not a namespace's name`, fix: NAMESPACE_RULE });
}

/** A DNS label, as Kubernetes has it. */
function isNamespace(text: string): boolean {
  return /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text);
}

const NAMESPACE_RULE = "use up to 63 lower-case letters, digits and '-', with a letter or digit at both ends";

/** Reads a topology; `file` is for the messages. Throws TopologyError. */
export function parseTopology(text: string, file: string): Topology {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const problem = document.errors[0];
  if (problem !== undefined)
    throw new TopologyError(
      `${file}:${lines.linePos(problem.pos[0]).line}`,
      problem.message.split("\n")[0] ?? "bad YAML",
    );
  return new TopologyReader(file).read(document.toJS() as unknown);
}

/** Walks plain data with the path in hand, so that every complaint can name its place. */
class TopologyReader {
  readonly #file: string;
  readonly #names = new Set<string>();

  constructor(file: string) {
    this.#file = file;
  }

  read(value: unknown): Topology {
    const root = this.#object(value, "", [
      "name",
      "nodeInterface",
      "backend",
      "byHand",
      "kubernetes",
      "segments",
      "routers",
      "hosts",
      "nodes",
      "datastore",
      "pools",
      "pods",
    ]);
    const segments = this.#list(root["segments"], "segments").map((item, index) =>
      this.#name(item, `segments[${index}]`),
    );
    const topology: Topology = {
      name: root["name"] === undefined ? "ocicat" : this.#labName(root["name"]),
      nodeInterface: root["nodeInterface"] === undefined ? "ens33" : this.#nodeInterface(root["nodeInterface"]),
      backend: root["backend"] === undefined ? "bird" : this.#oneOf(root["backend"], "backend", BACKENDS),
      byHand: root["byHand"] === undefined ? undefined : this.#oneOf(root["byHand"], "byHand", BY_HAND),
      kubernetes: root["kubernetes"] === undefined ? undefined : this.#kubernetes(root["kubernetes"]),
      segments,
      routers: this.#list(root["routers"], "routers").map((item, index) =>
        this.#router(item, `routers[${index}]`, segments),
      ),
      hosts: this.#list(root["hosts"], "hosts").map((item, index) => this.#station(item, `hosts[${index}]`, segments)),
      nodes: this.#list(root["nodes"], "nodes").map((item, index) => this.#station(item, `nodes[${index}]`, segments)),
      datastore: this.#datastore(root),
      pools: this.#list(root["pools"], "pools").map((item, index) => this.#object(item, `pools[${index}]`)),
      pods: this.#list(root["pods"], "pods").map((item, index) => this.#pod(item, `pods[${index}]`)),
    };
    this.#checkReferences(topology);
    return topology;
  }

  #checkReferences(topology: Topology): void {
    const nodes = topology.nodes.map((node) => node.name);
    if (topology.byHand !== undefined) {
      const { segments, routers, hosts, pools, pods } = topology;
      if ([nodes, segments, routers, hosts, pools, pods].every((things) => things.length === 0)) return;
      throw this.#bad("byHand", "has nothing beside it", "leave out all else but the name");
    }
    if (nodes.length === 0) throw this.#bad("nodes", "there is none", "a lab needs at least one node");
    if (topology.kubernetes !== undefined) this.#checkKubernetes(topology, topology.kubernetes);
    else if (!nodes.includes(topology.datastore))
      throw this.#bad("datastore", `"${topology.datastore}" is not a node`, `use one of ${nodes.join(", ")}`);
    for (const [index, pod] of topology.pods.entries()) {
      if (!nodes.includes(pod.node))
        throw this.#bad(`pods[${index}].node`, `"${pod.node}" is not a node`, `use one of ${nodes.join(", ")}`);
    }
    const seen = new Map<string, string>();
    const stations = [
      ...[...topology.nodes, ...topology.hosts].map((station) => [station.name, station] as const),
      ...topology.routers.flatMap((router) => router.interfaces.map((port) => [router.name, port] as const)),
    ].flatMap(([name, plug]) =>
      [plug.interface, plug.interface6].flatMap((entry) =>
        entry === undefined ? [] : [[name, entry.address] as const],
      ),
    );
    for (const [name, address] of stations) {
      const other = seen.get(formatAddress(address));
      if (other !== undefined)
        throw this.#bad(name, `${formatAddress(address)} is also ${other}'s`, "give each its own");
      seen.set(formatAddress(address), name);
    }
  }

  #checkKubernetes({ hosts, pools, pods, datastore }: Topology, { controlPlane }: KubernetesTopology): void {
    const names = hosts.map((host) => host.name);
    if (!names.includes(controlPlane))
      throw this.#bad("kubernetes.controlPlane", `"${controlPlane}" is not a host`, `use one of ${names.join(", ")}`);
    for (const [field, count] of [
      ["datastore", datastore.length],
      ["pools", pools.length],
      ["pods", pods.length],
    ] as const) {
      if (count > 0)
        throw this.#bad(field, "is the cluster's own business", "leave it out, and apply it to the cluster");
    }
  }

  #kubernetes(value: unknown): KubernetesTopology {
    const fields = this.#object(value, "kubernetes", ["controlPlane", "proxyMode", "serviceCidr", "network"]);
    const choice = <T extends string>(name: string, choices: readonly [T, ...T[]]) =>
      fields[name] === undefined ? choices[0] : this.#oneOf(fields[name], `kubernetes.${name}`, choices);
    return {
      controlPlane: this.#string(fields["controlPlane"], "kubernetes.controlPlane"),
      proxyMode: choice("proxyMode", PROXY_MODES),
      serviceCidr: fields["serviceCidr"] === undefined ? "10.96.0.0/16" : this.#prefixes(fields["serviceCidr"]),
      network: choice("network", ["ocicat", "none"]),
    };
  }

  #prefixes(value: unknown): string {
    const text = this.#string(value, "kubernetes.serviceCidr");
    for (const part of text.split(",")) this.#net("kubernetes.serviceCidr", () => parsePrefix(part));
    return text;
  }

  #datastore(root: Readonly<Record<string, unknown>>): string {
    if (root["byHand"] !== undefined) return "";
    const given = root["datastore"] ?? (root["kubernetes"] === undefined ? undefined : "");
    return given === "" && root["kubernetes"] !== undefined ? "" : this.#string(given, "datastore");
  }

  #router(value: unknown, path: string, segments: readonly string[]): LabRouter {
    const fields = this.#object(value, path, ["name", "interfaces"]);
    return {
      name: this.#name(fields["name"], `${path}.name`),
      interfaces: this.#list(fields["interfaces"], `${path}.interfaces`).map((item, index) => {
        const at = `${path}.interfaces[${index}]`;
        return this.#plug(this.#object(item, at, ["segment", "address", "address6"]), at, segments);
      }),
    };
  }

  #station(value: unknown, path: string, segments: readonly string[]): LabStation {
    const fields = this.#object(value, path, ["name", "segment", "address", "gateway", "address6", "gateway6"]);
    const plug = this.#plug(fields, path, segments);
    return {
      name: this.#name(fields["name"], `${path}.name`),
      ...plug,
      gateway: this.#gateway(fields["gateway"], `${path}.gateway`, plug.interface, IPV4),
      gateway6: this.#gateway(fields["gateway6"], `${path}.gateway6`, plug.interface6, IPV6),
    };
  }

  #plug(fields: Readonly<Record<string, unknown>>, path: string, segments: readonly string[]): LabPlug {
    return {
      segment: this.#oneOf(fields["segment"], `${path}.segment`, segments),
      interface: this.#interface(fields["address"], `${path}.address`, IPV4),
      interface6:
        fields["address6"] === undefined ? undefined : this.#interface(fields["address6"], `${path}.address6`, IPV6),
    };
  }

  #gateway<A extends Address>(
    value: unknown,
    path: string,
    plug: InterfaceAddress<A> | undefined,
    family: AddressFamily<A>,
  ): A | undefined {
    if (value === undefined) return undefined;
    const gateway = this.#address(value, path, family);
    if (plug === undefined || !Prefix.of(plug.address, plug.prefixLength).has(gateway))
      throw this.#bad(path, `${formatAddress(gateway)} is not on the subnet of its address`);
    return gateway;
  }

  #pod(value: unknown, path: string): LabPod {
    const fields = this.#object(value, path, ["name", "node", "namespace", "ports", "bandwidth", "labels"]);
    return {
      name: this.#name(fields["name"], `${path}.name`),
      node: this.#string(fields["node"], `${path}.node`),
      namespace:
        fields["namespace"] === undefined ? "default" : this.#namespace(fields["namespace"], `${path}.namespace`),
      ports: this.#list(fields["ports"], `${path}.ports`).map((item, index) =>
        this.#ports(item, `${path}.ports[${index}]`),
      ),
      bandwidth: this.#bandwidth(fields["bandwidth"], `${path}.bandwidth`),
      labels: this.#labels(fields["labels"], `${path}.labels`),
    };
  }

  #labels(value: unknown, path: string): Labels {
    if (value === undefined) return {};
    try {
      return checkLabels(this.#object(value, path));
    } catch (error) {
      if (error instanceof OcicatError && !(error instanceof TopologyError)) throw this.#bad(path, error.message);
      throw error;
    }
  }

  #ports(value: unknown, path: string): PortMapping {
    const text = this.#string(value, path);
    try {
      return parsePortMapping(text);
    } catch (error) {
      if (error instanceof OcicatError) throw this.#bad(path, error.message);
      throw error;
    }
  }

  #bandwidth(value: unknown, path: string): Bandwidth | undefined {
    if (value === undefined) return undefined;
    const fields = this.#object(value, path, ["ingress", "egress"]);
    const rate = (name: string) => {
      const number = fields[name];
      if (number === undefined || isRate(number)) return number;
      throw this.#bad(
        `${path}.${name}`,
        `${JSON.stringify(number)} is not a rate`,
        "give bits a second, a whole number above 0",
      );
    };
    return { ingress: rate("ingress"), egress: rate("egress") };
  }

  #object(value: unknown, path: string, known?: readonly string[]): Readonly<Record<string, unknown>> {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw this.#bad(path, "must be a mapping");
    const fields = value as Readonly<Record<string, unknown>>;
    for (const name of Object.keys(fields)) {
      if (known !== undefined && !known.includes(name)) {
        throw this.#bad(path === "" ? name : `${path}.${name}`, "is not a field here", `use ${known.join(", ")}`);
      }
    }
    return fields;
  }

  #list(value: unknown, path: string): readonly unknown[] {
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value)) throw this.#bad(path, "must be a list");
    return value;
  }

  #string(value: unknown, path: string): string {
    if (typeof value !== "string" || value === "") throw this.#bad(path, "must be a text that is not empty");
    return value;
  }

  #name(value: unknown, path: string): string {
    const name = this.#string(value, path);
    if (!isPartName(name)) throw this.#bad(path, `"${name}" is not a name`, PART_NAME_RULE);
    if (this.#names.has(name)) throw this.#bad(path, `"${name}" is used twice`, "names are unique in a lab");
    this.#names.add(name);
    return name;
  }

  #labName(value: unknown): string {
    const name = this.#string(value, "name");
    if (!isLabName(name)) throw this.#bad("name", `"${name}" is not a lab's name`, LAB_NAME_RULE);
    return name;
  }

  #nodeInterface(value: unknown): string {
    const name = this.#string(value, "nodeInterface");
    if (!/^[a-z][a-z0-9]{0,14}$/.test(name) || /^(lo|cali|tunl|vxlan)/.test(name))
      throw this.#bad(
        "nodeInterface",
        `"${name}" is not a name for nodes' own interface`,
        "use up to 15 lower-case letters and digits, beginning with a letter, and no name of the agent's: cali…, tunl…, vxlan…",
      );
    return name;
  }

  #namespace(value: unknown, path: string): string {
    const name = this.#string(value, path);
    if (!isNamespace(name)) throw this.#bad(path, `"${name}" is not a namespace's name`, NAMESPACE_RULE);
    return name;
  }

  #oneOf<T extends string>(value: unknown, path: string, choices: readonly T[]): T {
    const text = this.#string(value, path);
    const choice = choices.find((candidate) => candidate === text);
    if (choice === undefined) throw this.#bad(path, `"${text}" is not among ${choices.join(", ")}`);
    return choice;
  }

  #address<A extends Address>(value: unknown, path: string, family: AddressFamily<A>): A {
    const text = this.#string(value, path);
    const address = this.#net(path, () => parseAddress(text));
    if (!family.is(address)) throw this.#bad(path, `"${text}" is not an ${family.name} address`);
    return address;
  }

  #interface<A extends Address>(value: unknown, path: string, family: AddressFamily<A>): InterfaceAddress<A> {
    const [text, length, ...rest] = this.#string(value, path).split("/");
    if (length === undefined || rest.length > 0 || !/^\d{1,3}$/.test(length))
      throw this.#bad(path, `"${String(value)}" is not address/length`, `write it like ${family.example}`);
    const address = this.#address(text, path, family);
    const subnet = this.#net(path, () => Prefix.of(address, Number(length)));
    return { address, prefixLength: subnet.length };
  }

  #net<T>(path: string, read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (error instanceof AddressError) throw this.#bad(path, error.message);
      throw error;
    }
  }

  #bad(field: string, what: string, fix?: string): TopologyError {
    return new TopologyError(this.#file, field === "" ? what : `${field}: ${what}`, fix);
  }
}

interface AddressFamily<A extends Address> {
  readonly name: string;
  readonly example: string;
  readonly is: (address: Address) => address is A;
}

const IPV4: AddressFamily<Ipv4> = {
  name: "IPv4",
  example: "192.168.0.80/24",
  is: (address) => typeof address === "number",
};
const IPV6: AddressFamily<Ipv6> = {
  name: "IPv6",
  example: "fd00:192::80/64",
  is: (address) => typeof address === "bigint",
};
