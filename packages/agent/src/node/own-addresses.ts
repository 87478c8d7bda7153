import { type Node, node } from "@ocicat/api";
import type { ResourceClient } from "@ocicat/client";
import {
  type Backoff,
  type Clock,
  createBackoff,
  isOcicatError,
  type Logger,
  OcicatError,
  type Random,
  type Scope,
  type Timer,
  toError,
} from "@ocicat/kit";
import type { Kernel, KernelEvent } from "@ocicat/linux/kernel";
import { type Address, type Family, familyOf, formatAddress, parseAddress, parsePrefix } from "@ocicat/net";
import { RouteProtocol } from "@ocicat/routing";
import { findNodeAddress } from "./address.ts";
import { ambiguity, type Candidate, type Detected, formatCandidate } from "./detection.ts";
import type { AddressSource } from "./detection-method.ts";
import { type NodeExtras, registerNode } from "./register.ts";

export interface OwnAddressesOptions {
  readonly kernel: Kernel;
  readonly client: ResourceClient;
  readonly nodeName: string;
  readonly ip: AddressSource;
  readonly ip6: AddressSource;
  /** Written into the node's resource with the addresses. */
  readonly extras: NodeExtras;
  /** Looks again this often, milliseconds; 0: only after the host has changed. */
  readonly refreshMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly scope: Scope;
  /** Runs work in a later turn of the event loop. */
  readonly defer: (work: () => void) => void;
  /** An address of the host, any of them, is gone. */
  readonly onGone: (address: Address) => void;
}

interface Found {
  readonly ipv4: Detected | undefined;
  readonly ipv6: Detected | undefined;
}

/**
 * The node's own addresses: found, written into its resource, and found again when the host changes. Everybody else (this
 * agent's BGP, too) learns of them from that resource. An address that is gone is kept until another one is found: without
 * any the other nodes would only lose their routes sooner.
 */
export class OwnAddresses {
  readonly #options: OwnAddressesOptions;
  readonly #backoff: Backoff;
  #found: Found = { ipv4: undefined, ipv6: undefined };
  #timer: Timer | undefined;
  #busy = false;
  #again = false;
  #told = "";

  constructor(options: OwnAddressesOptions) {
    this.#options = options;
    this.#backoff = createBackoff(options.random, { initialMs: 100, maxMs: 30_000 });
  }

  /** As last found; undefined for a family that is not looked for. */
  get found(): Found {
    return this.#found;
  }

  /** What a person should know of how they were found, one sentence a family; empty if there was no choice. */
  get ambiguities(): readonly string[] {
    const { ipv4, ipv6 } = this.#found;
    return [
      ipv4 === undefined ? undefined : ambiguity(ipv4, "IP_AUTODETECTION_METHOD"),
      ipv6 === undefined ? undefined : ambiguity(ipv6, "IP6_AUTODETECTION_METHOD"),
    ].filter((sentence) => sentence !== undefined);
  }

  /** Throws OcicatError NODE_ADDRESS if a family that is looked for is not found, or what the datastore throws. */
  async establish(): Promise<void> {
    const { client, nodeName } = this.#options;
    const present = await client.find(node, nodeName);
    const [ipv4, ipv6] = await Promise.all([this.#find(4, present), this.#find(6, present)]);
    const bgp = present?.spec.bgp;
    if (ipv4 === undefined && ipv6 === undefined && !bgp?.ipv4Address && !bgp?.ipv6Address) throw without(nodeName);
    await this.#take(present, { ipv4, ipv6 });
    for (const sentence of this.ambiguities) this.#options.logger.warning(sentence);
  }

  /** Looks again when the host's links, addresses or routes change, and at intervals. */
  watch(interfacePrefix: string): void {
    const { kernel, scope, onGone } = this.#options;
    const monitor = kernel.monitor(["link", "address", "route"], (events) => {
      for (const event of events) if (event.type === "address.gone") onGone(event.address.address);
      if (events.some((event) => concerns(event, interfacePrefix))) this.lookAgain();
    });
    scope.add("own addresses", () => {
      monitor.close();
      this.#timer?.cancel();
    });
    // What changed between finding and watching.
    this.lookAgain();
  }

  /** Something has changed that may change them. */
  lookAgain(): void {
    this.#again = true;
    if (this.#busy) return;
    this.#busy = true;
    this.#options.defer(() => void this.#look());
  }

  async #look(): Promise<void> {
    const { scope, logger } = this.#options;
    let wait = this.#options.refreshMs;
    try {
      while (this.#again && !scope.closed) {
        this.#again = false;
        await this.#review();
      }
      this.#backoff.reset();
    } catch (error) {
      logger.warning("own addresses cannot be brought up to date yet", { error: toError(error).message });
      wait = this.#backoff.next();
    }
    this.#busy = false;
    if (scope.closed) return;
    this.#timer?.cancel();
    this.#timer = wait > 0 ? this.#options.clock.after(wait, "own addresses", () => this.lookAgain()) : undefined;
  }

  async #review(): Promise<void> {
    const present = await this.#options.client.find(node, this.#options.nodeName);
    const problems: string[] = [];
    const keep =
      <T>(kept: T) =>
      (error: unknown) => {
        if (!isOcicatError(error) || error.code !== "NODE_ADDRESS") throw error;
        problems.push(error.message);
        return kept;
      };
    const [ipv4, ipv6] = await Promise.all([
      this.#find(4, present).catch(keep(this.#found.ipv4)),
      this.#find(6, present).catch(keep(this.#found.ipv6)),
    ]);
    await this.#take(present, { ipv4, ipv6 }).catch(keep(undefined));
    this.#tell(problems.join("; "));
  }

  #find(family: Family, present: Node | undefined): Promise<Detected | undefined> {
    const { kernel, ip, ip6 } = this.#options;
    return findNodeAddress(kernel, family === 4 ? ip : ip6, family, {
      internalIps: internalIpsOf(present),
      held: heldBy(present, family),
    });
  }

  async #take(present: Node | undefined, found: Found): Promise<void> {
    const { client, nodeName, logger } = this.#options;
    await this.#mustBeFree(present, found);
    const own = { ipv4: found.ipv4?.chosen, ipv6: found.ipv6?.chosen };
    await registerNode(client, nodeName, present, own, this.#options.extras);
    const before = this.#found;
    this.#found = found;
    for (const family of ["ipv4", "ipv6"] as const) {
      const [from, to] = [before[family]?.chosen, found[family]?.chosen];
      if (to === undefined || from === undefined || formatCandidate(from) === formatCandidate(to)) continue;
      logger.warning("own address changed", { from: formatCandidate(from), to: formatCandidate(to) });
    }
  }

  /** Two nodes with one address would lose each other's packets: seen where all machines have one and the same NAT'ed one. */
  async #mustBeFree(present: Node | undefined, { ipv4, ipv6 }: Found): Promise<void> {
    const { client, nodeName } = this.#options;
    const fresh = [ipv4, ipv6].flatMap((detected, index) => {
      const held = heldBy(present, index === 0 ? 4 : 6);
      return detected === undefined || detected.chosen.address === held ? [] : [detected.chosen];
    });
    if (fresh.length === 0) return;
    for (const other of (await client.list(node)).items) {
      if (other.metadata.name === nodeName) continue;
      const taken = fresh.find(({ address }) => address === heldBy(other, familyOf(address)));
      if (taken !== undefined) throw addressTaken(nodeName, taken, other.metadata.name);
    }
  }

  /** Once, not at every look. */
  #tell(problem: string): void {
    if (problem !== "" && problem !== this.#told)
      this.#options.logger.error("own address is gone; the last one is kept until another is found", { problem });
    this.#told = problem;
  }
}

const LINK_LOCAL = parsePrefix("fe80::/10");

/** Pods' cables, their routes and what BGP learns say nothing of the host's own address. */
function concerns(event: KernelEvent, interfacePrefix: string): boolean {
  switch (event.type) {
    case "resync":
      return true;
    case "link":
    case "link.gone":
      return !event.link.name.startsWith(interfacePrefix);
    case "address":
    case "address.gone":
      return !LINK_LOCAL.has(event.address.address);
    case "route":
    case "route.gone":
      return event.route.protocol !== RouteProtocol.bird && !event.route.destination.isHost;
    case "neighbour":
    case "neighbour.gone":
      return false;
  }
}

function internalIpsOf(present: Node | undefined): readonly Address[] {
  return (present?.spec.addresses ?? [])
    .filter(({ type }) => type === "InternalIP")
    .map(({ address }) => addressOf(address));
}

function heldBy(present: Node | undefined, family: Family): Address | undefined {
  const text = family === 4 ? present?.spec.bgp?.ipv4Address : present?.spec.bgp?.ipv6Address;
  return text === undefined || text === "" ? undefined : addressOf(text);
}

function addressOf(text: string): Address {
  return parseAddress(text.split("/")[0] ?? "");
}

function addressTaken(nodeName: string, taken: Candidate, other: string): OcicatError {
  const family = familyOf(taken.address) === 4 ? "IP" : "IP6";
  return new OcicatError({
    code: "NODE_ADDRESS",
    where: `node ${nodeName}`,
    what: `its address ${formatCandidate(taken)} is node ${other}'s already`,
    why: "the detection took an interface that is the same on all machines, or this machine was another node before",
    fix: `set ${family}_AUTODETECTION_METHOD, or ocicat delete node ${other} if there is no such node any more`,
  });
}

function without(nodeName: string): OcicatError {
  return new OcicatError({
    code: "NODE_ADDRESS",
    where: `node ${nodeName}`,
    what: "it has neither an IPv4 nor an IPv6 address",
    why: "IP and IP6 are both none, and the Node resource has none",
    fix: "set IP or IP6 to autodetect or to an address",
  });
}

/** As the command line and the doctor ask for it. */
export function reportOwn({ found, ambiguities }: OwnAddresses) {
  const of = (detected: Detected | undefined) =>
    detected === undefined
      ? undefined
      : {
          address: formatAddress(detected.chosen.address),
          subnet: detected.chosen.subnet.toString(),
          interface: detected.chosen.interfaceName,
          why: detected.why,
          others: detected.others.map(formatCandidate),
        };
  return { ipv4: of(found.ipv4), ipv6: of(found.ipv6), ambiguities };
}
