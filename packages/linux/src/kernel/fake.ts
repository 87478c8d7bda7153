import type { Family } from "@ocicat/net";
import type { Connection, ConnectionName, ConnectionQuery } from "./connection.ts";
import { checkConnectionQuery, isPickedBy, objectionToConnection } from "./connection-query.ts";
import { errnoNumber } from "./errno.ts";
import { KernelError } from "./error.ts";
import { addAddress, deleteAddress } from "./fake/addresses.ts";
import { deleteConnection } from "./fake/connections.ts";
import { createBridge, createIfb, createIpip, createVeth, createVxlan, deleteLink, setLink } from "./fake/links.ts";
import { localRoutes } from "./fake/local-table.ts";
import { type FakeNamespace, FakeNetwork, linkView } from "./fake/namespace.ts";
import { deleteForwardingEntry, deleteNeighbour, replaceForwardingEntry, replaceNeighbour } from "./fake/neighbours.ts";
import { failure, Refusal } from "./fake/refusal.ts";
import { deleteRoute, listRoutes, replaceRoute } from "./fake/routes.ts";
import { addRule, deleteRule } from "./fake/rules.ts";
import { performTraffic } from "./fake/traffic.ts";
import type {
  ForwardingEntry,
  Kernel,
  KernelEvent,
  KernelFailure,
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
} from "./kernel.ts";
import type { OnNftChanges } from "./nft-change.ts";
import type { OnLoggedPackets } from "./packet-log.ts";
import { isSysctlPath } from "./sysctl-path.ts";
import type { IngressFilter, Qdisc } from "./traffic.ts";
import { objectionTo } from "./validate.ts";

/** What stands in for nf_tables; it throws what the real one would. */
export interface FakeNft {
  commit(messages: Uint8Array): void;
  query(request: Uint8Array): NftMessage[];
}

/** Says why an operation shall fail, or undefined to let it through. */
export type Fault = (operation: KernelOperation) => KernelFailure | undefined;

const LOCAL_TABLE = 255;

/**
 * A network namespace in memory, pure and deterministic. It passes the suite that the real kernel passes, so it answers,
 * forgets and announces alike. What it does not do by itself: IPv6 link-local addresses, learning of neighbours, traffic.
 *
 * Several FakeKernels may be opened on one namespace: a second one is "somebody else" in a test, with its own counters.
 */
export class FakeKernel implements Kernel {
  readonly namespace: FakeNamespace;
  readonly #monitors = new Set<KernelMonitor>();
  readonly #faults = new Set<Fault>();
  readonly #written: KernelOperation[] = [];
  #otherWrites = 0;
  #open = true;

  /** nf_tables, if a test needs more than having transactions recorded. */
  nft: FakeNft | undefined;
  /** Transactions committed, in order. */
  readonly transactions: Uint8Array[] = [];

  constructor(namespace: FakeNamespace = new FakeNetwork().namespace()) {
    this.namespace = namespace;
  }

  /** What names this namespace in `namespaceFd` of an operation in another one of the same FakeNetwork. */
  get fd(): number {
    return this.namespace.fd;
  }

  /** Writes that reached the kernel through this handle, refused ones too: operations, sysctls, transactions. */
  get writes(): number {
    return this.#written.length + this.#otherWrites;
  }

  /** The operations among them, in order. */
  get written(): readonly KernelOperation[] {
    return this.#written;
  }

  /** From now on operations fail as `fault` says. Returns what ends it. */
  injectFault(fault: Fault): () => void {
    this.#faults.add(fault);
    return () => void this.#faults.delete(fault);
  }

  /** All monitors of the namespace lose what they were about to be told, and get `resync`. */
  overflowMonitors(): void {
    this.namespace.notifier.overflow();
    this.namespace.nftChanges.overflow();
  }

  links(): Link[] {
    return [...this.#state().links.values()].toSorted((a, b) => a.index - b.index).map(linkView);
  }

  link(name: string): Link | undefined {
    const link = this.#state().linkNamed(name);
    return link === undefined ? undefined : linkView(link);
  }

  addresses(): LinkAddress[] {
    const { addresses } = this.#state();
    const of = (type: "number" | "bigint") =>
      addresses.filter((entry) => typeof entry.address === type).toSorted((a, b) => a.linkIndex - b.linkIndex);
    return [...of("number"), ...of("bigint")];
  }

  routes(family: Family, table?: number): Route[] {
    const { routes } = this.#state();
    if (table === LOCAL_TABLE) {
      return listRoutes([...localRoutes(this.namespace), ...routes.filter((route) => route.table === table)], family);
    }
    const wanted = (route: Route) => (table === undefined ? route.table !== LOCAL_TABLE : route.table === table);
    return listRoutes(routes.filter(wanted), family);
  }

  neighbours(): Neighbour[] {
    return [...this.#state().neighbours];
  }

  forwardingEntries(): ForwardingEntry[] {
    return [...this.#state().forwardingEntries];
  }

  rules(family: Family): Rule[] {
    return this.#state().rules.filter((rule) => rule.family === family);
  }

  qdiscs(): Qdisc[] {
    return [...this.#state().qdiscs];
  }

  ingressFilters(linkIndex: number): IngressFilter[] {
    return this.#state().filters.filter((filter) => filter.linkIndex === linkIndex);
  }

  apply(operations: readonly KernelOperation[]): KernelOutcome[] {
    const namespace = this.#state();
    return operations.map((operation) => {
      const objection = objectionTo(operation);
      if (objection !== undefined) return failure("EINVAL", objection);
      this.#written.push(operation);
      const fault = [...this.#faults].map((each) => each(operation)).find((each) => each !== undefined);
      return fault ?? outcomeOf(() => perform(namespace, operation));
    });
  }

  deleteLink(index: number): Promise<KernelOutcome> {
    return Promise.resolve(this.apply([{ op: "link.delete", index }])[0]);
  }

  monitor(groups: readonly MonitorGroup[], onEvent: (events: readonly KernelEvent[]) => void): KernelMonitor {
    const monitor = this.#state().notifier.listen(groups, onEvent);
    this.#monitors.add(monitor);
    return monitor;
  }

  txChecksumOffload(name: string): boolean {
    return this.#linkNamed(name).txChecksumOffload;
  }

  setTxChecksumOffload(name: string, on: boolean): void {
    this.#otherWrites += 1;
    this.#linkNamed(name).txChecksumOffload = on;
  }

  readSysctl(path: string): string | undefined {
    checkSysctlPath(path);
    return this.#state().sysctls.read(path);
  }

  writeSysctl(path: string, value: string): void {
    checkSysctlPath(path);
    const { sysctls } = this.#state();
    this.#otherWrites += 1;
    const outcome = outcomeOf(() => sysctls.write(path, value));
    if (outcome === undefined) return;
    throw new KernelError({ operation: `writing "${value}" to a sysctl`, number: outcome.number, where: path });
  }

  nftCommit(messages: Uint8Array): void {
    const { nftChanges } = this.#state();
    this.#otherWrites += 1;
    this.nft?.commit(messages);
    this.transactions.push(messages.slice());
    if (messages.length > 0) nftChanges.committed(this, messages);
  }

  /** Without a `nft` to ask it is refused: an empty answer would be a claim. */
  nftQuery(request: Uint8Array): NftMessage[] {
    this.#state();
    if (this.nft !== undefined) return this.nft.query(request);
    throw new KernelError({
      operation: "asking nftables",
      number: errnoNumber("EOPNOTSUPP"),
      why: "this fake kernel has no nf_tables",
      fix: "set its `nft`",
    });
  }

  nftMonitor(onChanges: OnNftChanges): KernelMonitor {
    const monitor = this.#state().nftChanges.listen(this, onChanges);
    this.#monitors.add(monitor);
    return monitor;
  }

  connections(query: ConnectionQuery, each: (connection: Connection) => void): void {
    checkConnectionQuery(query);
    for (const connection of this.#state().connections) if (isPickedBy(query, connection)) each(connection);
  }

  deleteConnections(names: readonly ConnectionName[]): KernelOutcome[] {
    const namespace = this.#state();
    return names.map((name) => {
      const objection = objectionToConnection(name);
      if (objection !== undefined) return failure("EINVAL", objection);
      this.#otherWrites += 1;
      return outcomeOf(() => deleteConnection(namespace, name));
    });
  }

  packetLog(groups: readonly number[], onPackets: OnLoggedPackets): KernelMonitor {
    const monitor = this.#state().packetLogs.listen(groups, onPackets);
    this.#monitors.add(monitor);
    return monitor;
  }

  close(): void {
    this.#open = false;
    for (const monitor of this.#monitors) monitor.close();
    this.#monitors.clear();
  }

  #linkNamed(name: string) {
    const link = this.#state().linkNamed(name);
    if (link !== undefined) return link;
    throw new KernelError({ operation: "asking for an offload", number: errnoNumber("ENODEV"), where: name });
  }

  #state(): FakeNamespace {
    if (this.#open) return this.namespace;
    throw new KernelError({ operation: "use of a kernel", number: errnoNumber("EBADF"), why: "it was closed" });
  }
}

function outcomeOf(act: () => void): KernelOutcome {
  try {
    act();
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return error.failure;
    throw error;
  }
}

function checkSysctlPath(path: string): void {
  if (isSysctlPath(path)) return;
  throw new KernelError({ operation: "finding a sysctl", number: errnoNumber("EINVAL"), where: path });
}

function perform(namespace: FakeNamespace, operation: KernelOperation): void {
  switch (operation.op) {
    case "route.replace":
      replaceRoute(namespace, operation.route);
      break;
    case "route.delete":
      deleteRoute(namespace, operation.route);
      break;
    case "address.add":
      addAddress(namespace, operation.address);
      break;
    case "address.delete":
      deleteAddress(namespace, operation.address);
      break;
    case "neighbour.replace":
      replaceNeighbour(namespace, operation.neighbour);
      break;
    case "neighbour.delete":
      deleteNeighbour(namespace, operation.neighbour);
      break;
    case "fdb.replace":
      replaceForwardingEntry(namespace, operation.entry);
      break;
    case "fdb.delete":
      deleteForwardingEntry(namespace, operation.entry);
      break;
    case "rule.add":
      addRule(namespace, operation.rule);
      break;
    case "rule.delete":
      deleteRule(namespace, operation.rule);
      break;
    case "link.set":
      setLink(namespace, operation.index, operation.change);
      break;
    case "link.veth":
      createVeth(namespace, operation.veth);
      break;
    case "link.bridge":
      createBridge(namespace, operation);
      break;
    case "link.vxlan":
      createVxlan(namespace, operation.vxlan);
      break;
    case "link.ipip":
      createIpip(namespace, operation.ipip);
      break;
    case "link.ifb":
      createIfb(namespace, operation);
      break;
    case "qdisc.tbf":
    case "qdisc.ingress":
    case "qdisc.delete":
    case "filter.redirect":
    case "filter.delete":
      performTraffic(namespace, operation);
      break;
    case "link.delete":
      deleteLink(namespace, operation.index);
      break;
  }
}
