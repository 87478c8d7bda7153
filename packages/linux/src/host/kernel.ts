import type { Family } from "@ocicat/net";
import type { Connection, ConnectionName, ConnectionQuery } from "../kernel/connection.ts";
import { errnoNumber } from "../kernel/errno.ts";
import { KernelError } from "../kernel/error.ts";
import type {
  ForwardingEntry,
  Kernel,
  KernelEvent,
  KernelMonitor,
  KernelOperation,
  KernelOutcome,
  Link,
  LinkAddress,
  MonitorGroup,
  Neighbour,
  NftMessage,
  Route,
  Rule,
} from "../kernel/kernel.ts";
import type { OnNftChanges } from "../kernel/nft-change.ts";
import type { OnLoggedPackets } from "../kernel/packet-log.ts";
import type { IngressFilter, Qdisc } from "../kernel/traffic.ts";
import { isLinkName } from "../kernel/validate.ts";
import { currentNamespace, type NamespaceHandle, openNamespace } from "../namespace/handle.ts";
import { withNetns } from "../namespace/with.ts";
import { addressFrom, encodeGetAddresses } from "../rtnetlink/address.ts";
import { RT_TABLE_LOCAL } from "../rtnetlink/constants.ts";
import { encodeGetLink, linkFrom } from "../rtnetlink/link.ts";
import {
  encodeGetForwardingEntries,
  encodeGetNeighbours,
  forwardingEntryFrom,
  neighbourFrom,
} from "../rtnetlink/neighbour.ts";
import { encodeGetRoutes, routeFrom } from "../rtnetlink/route.ts";
import { encodeGetRules, ruleFrom } from "../rtnetlink/rule.ts";
import {
  encodeGetIngressFilters,
  encodeGetQdiscs,
  ingressFilterFrom,
  mergedFilters,
  qdiscFrom,
} from "../rtnetlink/traffic.ts";
import { type BuildRequest, Exchange } from "../socket/exchange.ts";
import { type WatchFd, watchFd } from "../socket/fd-watcher.ts";
import { NETLINK_NETFILTER, NETLINK_ROUTE, NetlinkSocket } from "../socket/netlink-socket.ts";
import { applyOperations } from "./apply.ts";
import { deleteConnections, eachConnection } from "./conntrack.ts";
import { LinkDeletion } from "./link-deletion.ts";
import { groupBits, NetlinkMonitor } from "./monitor.ts";
import { commitTransaction, queryNft } from "./nft.ts";
import { NFTABLES_GROUP, NftMonitor } from "./nft-monitor.ts";
import { readTxChecksumOffload, writeTxChecksumOffload } from "./offload.ts";
import { PacketLog } from "./packet-log.ts";
import { readSysctlFile, writeSysctlFile } from "./sysctl.ts";

export interface OpenKernelOptions {
  /** The network namespace to be bound to; the calling thread's if none is named. It may be closed afterwards. */
  readonly namespace?: NamespaceHandle | undefined;
  /** Receive buffer of each monitor, in bytes; 32 MiB unless told. Smaller ones overflow sooner, and say `resync`. */
  readonly monitorBuffer?: number | undefined;
  /** Receive buffer of a packet log, in bytes; 2 MiB unless told: some 3,000 packets. */
  readonly packetLogBuffer?: number | undefined;
  /** How monitors wait; the event loop's epoll unless told. */
  readonly watch?: WatchFd | undefined;
}

const MONITOR_BUFFER = 32 * 1024 * 1024;
const PACKET_LOG_BUFFER = 2 * 1024 * 1024;
const REQUEST_BUFFER = 8 * 1024 * 1024;

/** The kernel's state of one network namespace, over netlink and /proc/sys. Needs CAP_NET_ADMIN. Throws KernelError. */
export function openKernel(options: OpenKernelOptions = {}): Kernel {
  const namespace =
    options.namespace === undefined
      ? currentNamespace("net")
      : openNamespace(`/proc/thread-self/fd/${options.namespace.fd}`);
  return new HostKernel(namespace, options);
}

class HostKernel implements Kernel {
  readonly #namespace: NamespaceHandle;
  readonly #options: OpenKernelOptions;
  readonly #sockets: NetlinkSocket[] = [];
  readonly #monitors = new Set<KernelMonitor>();
  readonly #route: Exchange;
  #netfilter: { readonly exchange: Exchange; readonly port: number } | undefined;
  #conntrack: Exchange | undefined;
  #deletion: LinkDeletion | undefined;

  constructor(namespace: NamespaceHandle, options: OpenKernelOptions) {
    this.#namespace = namespace;
    this.#options = options;
    try {
      this.#route = this.#openExchange(NETLINK_ROUTE);
    } catch (error) {
      namespace.close();
      throw error;
    }
  }

  links(): Link[] {
    return this.#dump("listing links", (out, flags, sequence) => encodeGetLink(out, flags, sequence), linkFrom);
  }

  link(name: string): Link | undefined {
    if (!isLinkName(name)) return undefined;
    try {
      const build: BuildRequest = (out, flags, sequence) => encodeGetLink(out, flags, sequence, name);
      return this.#route.ask(`looking up link ${name}`, build, ({ payload }) => linkFrom(payload))[0];
    } catch (error) {
      if (error instanceof KernelError && error.number === errnoNumber("ENODEV")) return undefined;
      throw error;
    }
  }

  addresses(): LinkAddress[] {
    return this.#dump("listing addresses", encodeGetAddresses, addressFrom);
  }

  routes(family: Family, table?: number): Route[] {
    const build: BuildRequest = (out, flags, sequence) => encodeGetRoutes(out, flags, sequence, family, table);
    const wanted = (route: Route) => (table === undefined ? route.table !== RT_TABLE_LOCAL : route.table === table);
    try {
      return this.#dump("listing routes", build, routeFrom).filter(wanted);
    } catch (error) {
      // A table comes into being with its first route; before that a dump of it is refused.
      if (table !== undefined && error instanceof KernelError && error.number === errnoNumber("ENOENT")) return [];
      throw error;
    }
  }

  neighbours(): Neighbour[] {
    return this.#dump("listing neighbours", encodeGetNeighbours, neighbourFrom);
  }

  forwardingEntries(): ForwardingEntry[] {
    return this.#dump("listing forwarding entries", encodeGetForwardingEntries, forwardingEntryFrom);
  }

  rules(family: Family): Rule[] {
    return this.#dump(
      "listing rules",
      (out, flags, sequence) => encodeGetRules(out, flags, sequence, family),
      ruleFrom,
    );
  }

  qdiscs(): Qdisc[] {
    return this.#dump("listing qdiscs", encodeGetQdiscs, qdiscFrom);
  }

  ingressFilters(linkIndex: number): IngressFilter[] {
    const build: BuildRequest = (out, flags, sequence) => encodeGetIngressFilters(out, flags, sequence, linkIndex);
    return mergedFilters(this.#dump("listing filters", build, ingressFilterFrom));
  }

  apply(operations: readonly KernelOperation[]): KernelOutcome[] {
    return applyOperations(this.#route, operations);
  }

  deleteLink(index: number): Promise<KernelOutcome> {
    this.#deletion ??= new LinkDeletion(this.#openSocket(NETLINK_ROUTE));
    return this.#deletion.delete(index);
  }

  monitor(groups: readonly MonitorGroup[], onEvent: (events: readonly KernelEvent[]) => void): KernelMonitor {
    const socket = withNetns(
      this.#namespace,
      () => new NetlinkSocket(NETLINK_ROUTE, { groups: groupBits(groups), receiveBuffer: this.#monitorBuffer }),
    );
    return this.#own(new NetlinkMonitor(socket, this.#options.watch ?? watchFd, onEvent));
  }

  txChecksumOffload(name: string): boolean {
    return withNetns(this.#namespace, () => readTxChecksumOffload(name));
  }

  setTxChecksumOffload(name: string, on: boolean): void {
    withNetns(this.#namespace, () => writeTxChecksumOffload(name, on));
  }

  readSysctl(path: string): string | undefined {
    return withNetns(this.#namespace, () => readSysctlFile(path));
  }

  writeSysctl(path: string, value: string): void {
    withNetns(this.#namespace, () => writeSysctlFile(path, value));
  }

  nftCommit(messages: Uint8Array): void {
    commitTransaction(this.#nft().exchange, messages);
  }

  nftQuery(request: Uint8Array): NftMessage[] {
    return queryNft(this.#nft().exchange, request);
  }

  nftMonitor(onChanges: OnNftChanges): KernelMonitor {
    const { port } = this.#nft();
    const socket = withNetns(
      this.#namespace,
      () => new NetlinkSocket(NETLINK_NETFILTER, { groups: NFTABLES_GROUP, receiveBuffer: this.#monitorBuffer }),
    );
    return this.#own(new NftMonitor(socket, this.#options.watch ?? watchFd, port, onChanges));
  }

  connections(query: ConnectionQuery, each: (connection: Connection) => void): void {
    eachConnection(this.#conntrackExchange(), query, each);
  }

  deleteConnections(names: readonly ConnectionName[]): KernelOutcome[] {
    return deleteConnections(this.#conntrackExchange(), names);
  }

  packetLog(groups: readonly number[], onPackets: OnLoggedPackets): KernelMonitor {
    const receiveBuffer = this.#options.packetLogBuffer ?? PACKET_LOG_BUFFER;
    const socket = withNetns(this.#namespace, () => new NetlinkSocket(NETLINK_NETFILTER, { receiveBuffer }));
    return this.#own(new PacketLog(socket, groups, this.#options.watch ?? watchFd, onPackets));
  }

  close(): void {
    for (const monitor of this.#monitors) monitor.close();
    for (const socket of this.#sockets) socket.close();
    this.#monitors.clear();
    this.#namespace.close();
  }

  get #monitorBuffer(): number {
    return this.#options.monitorBuffer ?? MONITOR_BUFFER;
  }

  /** Closed with the kernel, if not before. */
  #own(monitor: KernelMonitor): KernelMonitor {
    this.#monitors.add(monitor);
    return {
      close: () => {
        this.#monitors.delete(monitor);
        monitor.close();
      },
    };
  }

  #dump<T>(operation: string, build: BuildRequest, parse: (payload: Uint8Array) => T | undefined): T[] {
    return this.#route.dump(operation, build, ({ payload }) => parse(payload));
  }

  /** Opened when first needed: most namespaces' kernels are asked for links and routes only. */
  #nft(): { readonly exchange: Exchange; readonly port: number } {
    if (this.#netfilter === undefined) {
      const socket = this.#openSocket(NETLINK_NETFILTER);
      this.#netfilter = { exchange: new Exchange(socket), port: socket.port };
    }
    return this.#netfilter;
  }

  /** Not nf_tables' socket: `each` may change the tables while the connections are still being read. */
  #conntrackExchange(): Exchange {
    this.#conntrack ??= this.#openExchange(NETLINK_NETFILTER);
    return this.#conntrack;
  }

  #openExchange(protocol: number): Exchange {
    return new Exchange(this.#openSocket(protocol));
  }

  #openSocket(protocol: number): NetlinkSocket {
    const socket = withNetns(this.#namespace, () => new NetlinkSocket(protocol, { receiveBuffer: REQUEST_BUFFER }));
    this.#sockets.push(socket);
    return socket;
  }
}
