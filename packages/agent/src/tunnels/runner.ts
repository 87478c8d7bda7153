import { release as kernelRelease } from "node:os";
import type { FelixSettings } from "@ocicat/api";
import { node as nodeKind } from "@ocicat/api";
import type { ResourceClient } from "@ocicat/client";
import type { Ipam } from "@ocicat/ipam";
import {
  type Backoff,
  type Clock,
  createBackoff,
  type Logger,
  OcicatError,
  type Random,
  type Scope,
  type Timer,
  toError,
} from "@ocicat/kit";
import type { Kernel, KernelEvent, Link, Tunnel } from "@ocicat/linux/kernel";
import { type Address, formatAddress, parseMac } from "@ocicat/net";
import type { TunnelGuardOptions } from "@ocicat/nftables";
import {
  type Backend,
  NO_TUNNELS,
  type NodeTunnels,
  type RoutingResolver,
  TUNNEL_KINDS,
  TUNNELS,
  type TunnelKind,
  type VxlanEnd,
  wantedTunnels,
} from "@ocicat/routing";
import { tunnelMtu } from "../node/mtu.ts";
import type { AgentNodeRow } from "../tables/rows.ts";
import type { Tables } from "../tables/tables.ts";
import { claimTunnelAddress, isIn, releaseTunnelAddress } from "./address.ts";
import { carries, deviceFlaws, makeDevice, removeDevice } from "./device.ts";
import { nextStep, type TunnelFacts, type TunnelStep } from "./protocol.ts";
import { isPublished, type Publication, publish } from "./publication.ts";
import { checksumOffloadWorks, sameAddress, type TunnelSpec, vtepMac } from "./spec.ts";

export interface TunnelRunnerOptions {
  readonly self: string;
  readonly backend: Backend;
  readonly kernel: Kernel;
  readonly client: ResourceClient;
  readonly ipam: Ipam;
  readonly tables: Tables;
  readonly resolver: RoutingResolver;
  readonly felix: FelixSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly scope: Scope;
  /** A link of this node by its index, as it is now. */
  readonly linkAt: (index: number) => Link | undefined;
  /** True while a route in the kernel leads through the device. */
  readonly hasRoutesThrough: (device: string) => boolean;
  /** The tunnels that this node has, or is about to have: only nodes may send by them. */
  readonly guard: (tunnels: Omit<TunnelGuardOptions, "nodes">) => void;
  /** Something that the resolver goes by has changed. */
  readonly onChange: () => void;
  /** Full comparison with the kernel, milliseconds; 0 switches it off. */
  readonly refreshMs: number;
  readonly defer: (work: () => void) => void;
}

/** What of a tunnel people may want to know. */
export interface TunnelReport {
  readonly kind: TunnelKind;
  readonly device: string;
  readonly wanted: boolean;
  readonly address: string | undefined;
  readonly usable: boolean;
  /** What is wrong with the device. */
  readonly flaws: readonly string[];
  /** Not wanted any more, and still there because of these nodes. */
  readonly keptFor: readonly string[];
  readonly failure: string | undefined;
}

/**
 * Keeps this node's tunnels as the pools call for them, by the steps of `nextStep`. It looks again whenever something that
 * counts has changed; one thing is done at a time.
 */
export class TunnelRunner {
  readonly #options: TunnelRunnerOptions;
  readonly #addresses = new Map<TunnelKind, Address>();
  readonly #givingUp = new Set<TunnelKind>();
  readonly #checked = new Set<TunnelKind>();
  readonly #failures = new Map<TunnelKind, string>();
  readonly #backoff: Backoff;
  #retry: Timer | undefined;
  #refresh: Timer | undefined;
  #scheduled = false;
  #working = false;
  #again = false;
  /** Our own write, until the watch has shown it. */
  #awaited = 0n;

  constructor(options: TunnelRunnerOptions) {
    this.#options = options;
    this.#backoff = createBackoff(options.random, { initialMs: 200, maxMs: 10_000 });
  }

  /** What an earlier run left in order is used from the first moment on: a restart moves no route. */
  adopt(): void {
    this.#guard();
    for (const kind of TUNNEL_KINDS) {
      const { step } = this.#look(kind);
      this.#use(kind, step.usable);
    }
  }

  start(): void {
    const { kernel, scope, tables, felix } = this.#options;
    const monitor = kernel.monitor(["link", "address"], (events) => {
      // Pods' links come and go all the time.
      const concerns = (event: KernelEvent) => !("link" in event && event.link.name.startsWith(felix.interfacePrefix));
      if (events.some(concerns)) this.schedule();
    });
    scope.add("tunnels", () => {
      monitor.close();
      this.#retry?.cancel();
      this.#refresh?.cancel();
    });
    tables.pools.subscribe(() => this.schedule());
    tables.nodes.subscribe(() => this.schedule());
    this.#armRefresh();
    this.schedule();
  }

  schedule(): void {
    const { defer, scope } = this.#options;
    if (this.#scheduled || scope.closed) return;
    this.#scheduled = true;
    defer(() => {
      this.#scheduled = false;
      void this.#work();
    });
  }

  /** The routes in the kernel are as wanted: a tunnel that is being given up may be free of them now. */
  routesSettled(): void {
    if (this.#givingUp.size > 0) this.schedule();
  }

  report(): TunnelReport[] {
    return TUNNEL_KINDS.map((kind) => {
      const { facts, spec } = this.#look(kind);
      return {
        kind,
        device: TUNNELS[kind].device,
        wanted: facts.wanted,
        address: spec === undefined ? undefined : formatAddress(spec.address),
        usable: this.#options.resolver.usable.has(kind),
        flaws: facts.wanted && spec !== undefined ? deviceFlaws(this.#options.kernel, spec) : [],
        keptFor: facts.wanted ? [] : this.#declaredBy(kind),
        failure: this.#failures.get(kind),
      };
    });
  }

  async #work(): Promise<void> {
    if (this.#working) {
      this.#again = true;
      return;
    }
    this.#working = true;
    try {
      do {
        this.#again = false;
        await this.#round();
      } while (this.#again && !this.#options.scope.closed);
    } finally {
      this.#working = false;
    }
  }

  /** One look at everything, and what follows from it. */
  async #round(): Promise<void> {
    const { tables, self, scope, logger } = this.#options;
    const seen = tables.nodes.revisionOf(nodeKind.storage.key(self, undefined) ?? "") ?? 0n;
    if (scope.closed || seen < this.#awaited) return;
    const own = tables.nodes.named(self);
    if (own === undefined) return;
    this.#guard();
    let failed = false;
    for (const kind of TUNNEL_KINDS) {
      try {
        await this.#tend(kind);
        this.#failures.delete(kind);
      } catch (error) {
        failed = true;
        const why = toError(error).message;
        if (this.#failures.get(kind) !== why) logger.warning("a tunnel cannot be had yet", { kind, why });
        this.#failures.set(kind, why);
      }
    }
    try {
      await this.#publish(own);
    } catch (error) {
      failed = true;
      logger.warning("this node's tunnels could not be published yet", { why: toError(error).message });
    }
    if (failed) this.#armRetry();
    else this.#backoff.reset();
  }

  /** Before a device is there, and for as long as it is. */
  #guard(): void {
    const { guard, felix } = this.#options;
    const has = (kind: TunnelKind) => {
      const { facts } = this.#look(kind);
      return facts.wanted || facts.device !== "absent";
    };
    const port = (kind: TunnelKind) => (has(kind) ? felix.vxlanPort : undefined);
    guard({ ipip: has("ipip"), vxlanPort: { 4: port("vxlan"), 6: port("vxlan6") } });
  }

  /** The device's part of a step. */
  async #tend(kind: TunnelKind): Promise<void> {
    const { kernel, ipam, self, logger, resolver } = this.#options;
    const { facts, step, spec } = this.#look(kind);
    if (!facts.wanted && facts.device !== "absent") this.#givingUp.add(kind);
    else this.#givingUp.delete(kind);
    this.#use(kind, step.usable);
    if (step.device === "make") {
      const made = spec ?? this.#spec(kind, await this.#claim(kind));
      const flaws = deviceFlaws(kernel, made);
      makeDevice(kernel, made);
      logger.info("tunnel device put in order", { device: made.device, because: flaws });
      resolver.setTunnelAddress(kind, made.address);
      this.#options.onChange();
      this.#again = true;
    } else if (step.device === "remove") {
      removeDevice(kernel, kind);
      this.#addresses.delete(kind);
      resolver.setTunnelAddress(kind, undefined);
      await releaseTunnelAddress(ipam, self, kind);
      logger.info("tunnel device taken away, its address given back", { device: TUNNELS[kind].device });
      this.#options.onChange();
    } else if (!this.#checked.has(kind)) {
      await this.#check(kind, facts, spec);
    }
  }

  /** Once a run: IPAM and what an earlier run left must agree, whatever moment it ended at. */
  async #check(kind: TunnelKind, facts: TunnelFacts, spec: TunnelSpec | undefined): Promise<void> {
    const { ipam, self } = this.#options;
    if (facts.wanted) {
      const held = await this.#claim(kind);
      if (!sameAddress(held, spec?.address)) this.#again = true;
    } else if (facts.device === "absent" && !facts.published) await releaseTunnelAddress(ipam, self, kind);
    else return;
    this.#checked.add(kind);
  }

  async #claim(kind: TunnelKind): Promise<Address> {
    const { ipam, self, tables } = this.#options;
    const address = await claimTunnelAddress(ipam, self, kind, [...tables.pools.rows()]);
    this.#addresses.set(kind, address);
    return address;
  }

  /** Brings this node's resource to what the steps say, by one write. */
  async #publish(own: AgentNodeRow): Promise<void> {
    const { client, self, logger } = this.#options;
    const wanted = this.#publication(own);
    if (isPublished(own, wanted)) return;
    this.#awaited = await publish(client, self, wanted);
    logger.info("published", { tunnels: describe(wanted.tunnels), sendsBy: [...wanted.sendsBy] });
    this.#again = true;
  }

  #publication(own: AgentNodeRow): Publication {
    const sendsBy = new Set<TunnelKind>();
    const published = new Set<TunnelKind>();
    const specs = new Map<TunnelKind, TunnelSpec>();
    for (const kind of TUNNEL_KINDS) {
      const { step, spec } = this.#look(kind);
      if (step.declare) sendsBy.add(kind);
      if (step.publish) published.add(kind);
      if (step.publish && spec !== undefined) specs.set(kind, spec);
    }
    const end = (kind: "vxlan" | "vxlan6") => {
      if (!published.has(kind)) return undefined;
      const spec = specs.get(kind);
      return spec?.mac === undefined ? own.tunnels[kind] : vxlanEnd(spec.address, spec.mac);
    };
    const ipip = specs.get("ipip")?.address;
    const tunnels: NodeTunnels = {
      ...NO_TUNNELS,
      ipip: !published.has("ipip") ? undefined : typeof ipip === "number" ? ipip : own.tunnels.ipip,
      vxlan: end("vxlan"),
      vxlan6: end("vxlan6"),
    };
    return { tunnels, sendsBy, backend: this.#options.backend };
  }

  /** What is seen of a tunnel now, and what follows. */
  #look(kind: TunnelKind): { facts: TunnelFacts; step: TunnelStep; spec: TunnelSpec | undefined } {
    const { tables, backend, self, kernel, resolver, hasRoutesThrough } = this.#options;
    const own = tables.nodes.named(self);
    const wanted = wantedTunnels(tables.pools.rows(), backend).has(kind) && this.#underlay(kind) !== undefined;
    const address = this.#address(kind, own, wanted);
    const spec = address === undefined || this.#underlay(kind) === undefined ? undefined : this.#spec(kind, address);
    const { device } = TUNNELS[kind];
    const facts: TunnelFacts = {
      wanted,
      device: deviceState(kernel, device, spec),
      published: isEnd(own?.tunnels[kind], wanted ? spec : undefined),
      declared: own?.sendsBy?.has(kind) === true,
      sending: !wanted && (resolver.sendsBy(kind) || hasRoutesThrough(device)),
      othersDeclare: !wanted && this.#declaredBy(kind).length > 0,
    };
    return { facts, step: nextStep(facts), spec };
  }

  /** The address that IPAM gave, or, until it was asked, the one that an earlier run published. */
  #address(kind: TunnelKind, own: AgentNodeRow | undefined, wanted: boolean): Address | undefined {
    const held = this.#addresses.get(kind);
    const published = own?.tunnels[kind];
    const address = held ?? (typeof published === "object" ? published.address : published);
    if (address === undefined || !wanted) return address;
    return isIn(this.#options.tables.pools.rows(), kind, address) ? address : undefined;
  }

  #spec(kind: TunnelKind, address: Address): TunnelSpec {
    const { felix, self, tables } = this.#options;
    const underlay = this.#underlay(kind);
    if (underlay === undefined) {
      const what = `this node has no IPv${TUNNELS[kind].family} address on an interface`;
      throw new OcicatError({ code: "TUNNEL_UNDERLAY", where: TUNNELS[kind].device, what, retryable: true });
    }
    const own = tables.nodes.named(self);
    const published = kind === "ipip" ? undefined : own?.tunnels[kind]?.mac;
    const tunnel: Tunnel =
      kind === "ipip"
        ? { kind: "ipip", local: undefined, remote: undefined }
        : {
            kind: "vxlan",
            id: felix.vxlanVNI,
            port: felix.vxlanPort,
            local: underlay.address,
            parent: underlay.link.index,
            learning: false,
          };
    return {
      kind,
      device: TUNNELS[kind].device,
      underlay: underlay.link.name,
      address,
      mac: kind === "ipip" ? undefined : (published ?? vtepMac(kind, self)),
      mtu: tunnelMtu(kind, underlay.link.mtu, felix),
      tunnel,
      checksumOffload: kind === "ipip" || this.#offloadWorks(),
    };
  }

  /** FelixConfiguration's featureDetectOverride (ChecksumOffloadBroken=true) knows better than the kernel's release. */
  #offloadWorks(): boolean {
    const override = /(?:^|,)\s*ChecksumOffloadBroken\s*=\s*(true|false)/i.exec(
      this.#options.felix.featureDetectOverride ?? "",
    );
    return override === null ? checksumOffloadWorks(kernelRelease()) : override[1]?.toLowerCase() === "false";
  }

  /** The interface with the node's own address of the tunnel's family. */
  #underlay(kind: TunnelKind): { readonly link: Link; readonly address: Address } | undefined {
    const { tables, self, kernel, linkAt } = this.#options;
    const own = tables.nodes.named(self);
    const address = (TUNNELS[kind].family === 4 ? own?.ipv4 : own?.ipv6)?.address;
    if (address === undefined) return undefined;
    const entry = kernel.addresses().find((each) => sameAddress(each.address, address));
    const link = entry === undefined ? undefined : linkAt(entry.linkIndex);
    return link === undefined ? undefined : { link, address };
  }

  #declaredBy(kind: TunnelKind): string[] {
    const { tables, self } = this.#options;
    return [...tables.nodes.rows()].flatMap((row) => (row.name !== self && row.sendsBy?.has(kind) ? [row.name] : []));
  }

  #use(kind: TunnelKind, usable: boolean): void {
    const { resolver, onChange, tables, self } = this.#options;
    if (resolver.usable.has(kind) === usable) return;
    resolver.setUsable(kind, usable);
    const published = tables.nodes.named(self)?.tunnels[kind];
    if (usable) resolver.setTunnelAddress(kind, typeof published === "object" ? published.address : published);
    onChange();
  }

  #armRetry(): void {
    if (this.#retry !== undefined || this.#options.scope.closed) return;
    this.#retry = this.#options.clock.after(this.#backoff.next(), "tunnel retry", () => {
      this.#retry = undefined;
      this.schedule();
    });
  }

  #armRefresh(): void {
    const { refreshMs, clock } = this.#options;
    if (refreshMs <= 0) return;
    this.#refresh = clock.after(refreshMs, "tunnel refresh", () => {
      this.schedule();
      this.#armRefresh();
    });
  }
}

function deviceState(kernel: Kernel, device: string, spec: TunnelSpec | undefined): TunnelFacts["device"] {
  if (spec === undefined) return kernel.link(device)?.up === true ? "flawed" : "absent";
  if (!carries(kernel, spec)) return "absent";
  return deviceFlaws(kernel, spec).length === 0 ? "right" : "flawed";
}

/** Whether what is published is the device as it should be; without one to compare with, whether anything is. */
function isEnd(published: NodeTunnels[TunnelKind], spec: TunnelSpec | undefined): boolean {
  if (spec === undefined || published === undefined) return published !== undefined;
  if (typeof published !== "object") return sameAddress(published, spec.address);
  return sameAddress(published.address, spec.address) && published.mac === spec.mac;
}

function vxlanEnd(address: Address, mac: string): VxlanEnd {
  return { address, mac: parseMac(mac) };
}

function describe(tunnels: NodeTunnels): Record<string, string> {
  return Object.fromEntries(
    TUNNEL_KINDS.flatMap((kind) => {
      const end = tunnels[kind];
      if (end === undefined) return [];
      return [[kind, formatAddress(typeof end === "object" ? end.address : end)]];
    }),
  );
}
