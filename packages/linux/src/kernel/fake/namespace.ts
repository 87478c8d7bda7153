import type { Mac } from "@ocicat/net";
import { parseMac } from "@ocicat/net";
import type { Connection } from "../connection.ts";
import type { ForwardingEntry, Link, LinkAddress, Neighbour, Route, Rule, Tunnel } from "../kernel.ts";
import type { IngressFilter, Qdisc } from "../traffic.ts";
import { NftChanges } from "./nft-changes.ts";
import { Notifier } from "./notifier.ts";
import { PacketLogs } from "./packet-logs.ts";
import { Sysctls } from "./sysctls.ts";

/** A link of the fake. What follows from other links (carrier) is worked out, not kept. */
export interface FakeLink {
  readonly kind: string;
  readonly loopback: boolean;
  index: number;
  name: string;
  mtu: number;
  /** Undefined for a device that has none: IPIP. */
  mac: Mac | undefined;
  readonly tunnel?: Tunnel | undefined;
  txChecksumOffload: boolean;
  up: boolean;
  /** Index in the same namespace; 0 if none. */
  master: number;
  group: number;
  peer: FakeLink | undefined;
  home: FakeNamespace;
}

/** The fake's machine: the namespaces that can name each other by descriptor. */
export class FakeNetwork {
  readonly #namespaces: FakeNamespace[] = [];
  #macs = 0;

  /** A new namespace: a loopback device, down, and nothing else. */
  namespace(): FakeNamespace {
    const namespace = new FakeNamespace(this, FIRST_FD + this.#namespaces.length);
    this.#namespaces.push(namespace);
    return namespace;
  }

  byDescriptor(fd: number): FakeNamespace | undefined {
    return this.#namespaces[fd - FIRST_FD];
  }

  /** Local and unicast, as the kernel's random ones, but counted: a test that prints one prints the same each time. */
  nextMac(): Mac {
    const number = ++this.#macs;
    const pair = (shift: number) => ((number >>> shift) & 255).toString(16).padStart(2, "0");
    return parseMac(`02:0c:a7:${pair(16)}:${pair(8)}:${pair(0)}`);
  }
}

/** Beyond what tests open, so that a mistaken descriptor is noticed. */
const FIRST_FD = 1000;

const NO_MAC = parseMac("00:00:00:00:00:00");

/** What one network namespace holds. The rules are in the modules beside this one. */
export class FakeNamespace {
  readonly network: FakeNetwork;
  readonly fd: number;
  readonly links = new Map<number, FakeLink>();
  readonly sysctls = new Sysctls();
  readonly notifier = new Notifier();
  readonly packetLogs = new PacketLogs();
  readonly nftChanges = new NftChanges();
  addresses: LinkAddress[] = [];
  routes: Route[] = [];
  neighbours: Neighbour[] = [];
  forwardingEntries: ForwardingEntry[] = [];
  /** No traffic makes any here: who tests puts them in. */
  connections: Connection[] = [];
  qdiscs: Qdisc[] = [];
  filters: IngressFilter[] = [];
  rules: Rule[] = [...standardRules(4), ...standardRules(6)];
  #lastIndex = 0;

  constructor(network: FakeNetwork, fd: number) {
    this.network = network;
    this.fd = fd;
    this.addLink({ kind: "", loopback: true, name: "lo", mtu: 65536, mac: NO_MAC, peer: undefined });
  }

  addLink(birth: Pick<FakeLink, "kind" | "loopback" | "name" | "mtu" | "mac" | "peer" | "tunnel">): FakeLink {
    const link: FakeLink = {
      ...birth,
      index: this.nextIndex(),
      txChecksumOffload: true,
      up: false,
      master: 0,
      group: 0,
      home: this,
    };
    this.links.set(link.index, link);
    this.sysctls.addLink(link.name);
    return link;
  }

  nextIndex(): number {
    do this.#lastIndex += 1;
    while (this.links.has(this.#lastIndex));
    return this.#lastIndex;
  }

  linkNamed(name: string): FakeLink | undefined {
    return [...this.links.values()].find((link) => link.name === name);
  }

  isLocal(address: LinkAddress["address"]): boolean {
    return this.addresses.some((entry) => entry.address === address);
  }
}

function standardRules(family: 4 | 6): Rule[] {
  const rule = (priority: number, table: number): Rule => ({
    family,
    priority,
    table,
    source: undefined,
    destination: undefined,
    mark: undefined,
    markMask: undefined,
    protocol: 2,
  });
  return [rule(0, 255), rule(32766, 254), ...(family === 4 ? [rule(32767, 253)] : [])];
}

/** As the kernel shows it. */
export function linkView(link: FakeLink): Link {
  const { index, name, kind, mtu, mac, up, loopback, master, group, tunnel } = link;
  const peerIndex = link.peer?.index;
  return { index, name, kind, mtu, mac, up, running: hasCarrier(link), loopback, master, group, peerIndex, tunnel };
}

function hasCarrier(link: FakeLink): boolean {
  if (!link.up) return false;
  if (link.peer !== undefined) return link.peer.up;
  if (link.kind === "bridge")
    return [...link.home.links.values()].some((port) => port.master === link.index && hasCarrier(port));
  return true;
}

export function tellLink(link: FakeLink): void {
  link.home.notifier.tell({ type: "link", link: linkView(link) });
}

export function flushNeighbours(namespace: FakeNamespace, which: (entry: Neighbour) => boolean): void {
  const gone = namespace.neighbours.filter(which);
  namespace.neighbours = namespace.neighbours.filter((entry) => !which(entry));
  for (const neighbour of gone) namespace.notifier.tell({ type: "neighbour.gone", neighbour });
}
