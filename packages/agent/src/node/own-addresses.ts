import { type Node, node } from "@ocicat/api";
import type { ResourceClient } from "@ocicat/client";
import {
  type Backoff,
  type Clock,
  createBackoff,
  type Logger,
  type Random,
  type Scope,
  type Timer,
  toError,
} from "@ocicat/kit";
import type { Kernel, KernelEvent } from "@ocicat/linux/kernel";
import { type Address, type Family, familyOf, formatAddress, parseAddress, parsePrefix } from "@ocicat/net";
import { RouteProtocol } from "@ocicat/routing";
import { findNodeAddress } from "./address.ts";
import { addressTaken, noAddress, problemIn } from "./address-errors.ts";
import { ambiguity, type Detected, formatCandidate, hostInterfaces, type NodeInterface } from "./detection.ts";
import type { AddressSource } from "./detection-method.ts";
import { hasInterfaces, type NodeExtras, registerNode } from "./register.ts";

export interface OwnAddressesOptions {
  readonly kernel: Kernel;
  readonly client: ResourceClient;
  readonly nodeName: string;
  readonly ip: AddressSource;
  readonly ip6: AddressSource;
  /** Written into the node's resource with the addresses. */
  readonly extras: NodeExtras;
  /** Whether an address that another node has is refused. */
  readonly checksOwnAddress: boolean;
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
  readonly interfaces: readonly NodeInterface[];
}

/** What is looked at: the host alone, or what the datastore says of the node as well. */
type Look = "host" | "both";

/**
 * The node's own addresses: found, written into its resource, and found again when the host changes. Everybody else (this
 * agent's BGP, too) learns of them from that resource. An address that is gone is kept until another one is found: without
 * any the other nodes would only lose their routes sooner.
 */
export class OwnAddresses {
  readonly #options: OwnAddressesOptions;
  readonly #backoff: Backoff;
  #found: Found = { ipv4: undefined, ipv6: undefined, interfaces: [] };
  /** The resource as it was last read or written. */
  #present: Node | undefined;
  #timer: Timer | undefined;
  #busy = false;
  #next: Look | undefined;
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
    if (ipv4 === undefined && ipv6 === undefined && !bgp?.ipv4Address && !bgp?.ipv6Address) throw noAddress(nodeName);
    await this.#take(present, { ipv4, ipv6, interfaces: this.#interfaces() });
    for (const sentence of this.ambiguities) this.#options.logger.warning(sentence);
  }

  /** Looks again when the host's links, addresses or routes change, and at intervals. */
  watch(interfacePrefix: string): void {
    const { kernel, scope, onGone } = this.#options;
    const monitor = kernel.monitor(["link", "address", "route"], (events) => {
      for (const event of events) if (event.type === "address.gone") onGone(event.address.address);
      if (events.some((event) => concerns(event, interfacePrefix))) this.#schedule("host");
    });
    scope.add("own addresses", () => {
      monitor.close();
      this.#timer?.cancel();
    });
    // What changed between finding and watching.
    this.#schedule("host");
    this.#lookAfter(this.#options.refreshMs);
  }

  /** Something has changed that may change them, or what the node's resource says of them. */
  lookAgain(): void {
    this.#schedule("both");
  }

  #schedule(look: Look): void {
    if (this.#next !== "both") this.#next = look;
    if (this.#busy) return;
    this.#busy = true;
    this.#options.defer(() => void this.#look());
  }

  async #look(): Promise<void> {
    const { scope, logger, refreshMs } = this.#options;
    try {
      for (let look = this.#next; look !== undefined && !scope.closed; look = this.#next) {
        this.#next = undefined;
        if (look === "host" && (await this.#isAsFound())) continue;
        await this.#review();
        this.#backoff.reset();
        this.#lookAfter(refreshMs);
      }
    } catch (error) {
      logger.warning("own addresses cannot be brought up to date yet", { error: toError(error).message });
      this.#lookAfter(this.#backoff.next());
    }
    this.#busy = false;
  }

  /** Milliseconds; 0: not before something happens. */
  #lookAfter(wait: number): void {
    const { scope, clock } = this.#options;
    this.#timer?.cancel();
    this.#timer = wait > 0 && !scope.closed ? clock.after(wait, "own addresses", () => this.lookAgain()) : undefined;
  }

  /**
   * Whether the host says what it said, as far as others learn it. Links come and go with every container: that must not
   * cost the datastore a question each time.
   */
  async #isAsFound(): Promise<boolean> {
    const { found, problem } = await this.#findAgain(this.#present);
    const isSame = FAMILIES.every((family) => formatFound(found[family]) === formatFound(this.#found[family]));
    if (!isSame || !hasInterfaces(this.#present?.spec.interfaces, found.interfaces)) return false;
    // Others that would do may be others by now.
    this.#found = found;
    this.#tell(problem);
    return true;
  }

  async #review(): Promise<void> {
    const present = await this.#options.client.find(node, this.#options.nodeName);
    const { found, problem } = await this.#findAgain(present);
    const refusal = await this.#take(present, found).then(
      () => "",
      (error: unknown) => problemIn(error),
    );
    this.#tell([problem, refusal].filter((each) => each !== "").join("; "));
  }

  /** What cannot be found stays as it was, with the reason. */
  async #findAgain(present: Node | undefined): Promise<{ readonly found: Found; readonly problem: string }> {
    const problems: string[] = [];
    const keep =
      <T>(kept: T) =>
      (error: unknown) => {
        problems.push(problemIn(error));
        return kept;
      };
    const [ipv4, ipv6] = await Promise.all([
      this.#find(4, present).catch(keep(this.#found.ipv4)),
      this.#find(6, present).catch(keep(this.#found.ipv6)),
    ]);
    return { found: { ipv4, ipv6, interfaces: this.#interfaces() }, problem: problems.join("; ") };
  }

  #interfaces(): readonly NodeInterface[] {
    const { kernel } = this.#options;
    return hostInterfaces({ links: kernel.links(), addresses: kernel.addresses() });
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
    const own = { ipv4: found.ipv4?.chosen, ipv6: found.ipv6?.chosen, interfaces: found.interfaces };
    this.#present = await registerNode(client, nodeName, present, own, this.#options.extras);
    const before = this.#found;
    this.#found = found;
    for (const family of FAMILIES) {
      const [from, to] = [before[family]?.chosen, found[family]?.chosen];
      if (to === undefined || from === undefined || formatCandidate(from) === formatCandidate(to)) continue;
      logger.warning("own address changed", { from: formatCandidate(from), to: formatCandidate(to) });
    }
  }

  /** Two nodes with one address would lose each other's packets: seen where all machines have one and the same NAT'ed one. */
  async #mustBeFree(present: Node | undefined, { ipv4, ipv6 }: Found): Promise<void> {
    const { client, nodeName, checksOwnAddress } = this.#options;
    if (!checksOwnAddress) return;
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

const FAMILIES = ["ipv4", "ipv6"] as const;
const LINK_LOCAL = parsePrefix("fe80::/10");

function formatFound(detected: Detected | undefined): string | undefined {
  return detected && formatCandidate(detected.chosen);
}

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
