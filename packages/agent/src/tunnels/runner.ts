import { node as nodeKind } from "@ocicat/api";
import type { ResourceClient } from "@ocicat/client";
import type { Ipam } from "@ocicat/ipam";
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
import type { KernelEvent } from "@ocicat/linux/kernel";
import { type Address, formatAddress, parseMac } from "@ocicat/net";
import type { TunnelGuardOptions } from "@ocicat/nftables";
import { type NodeTunnels, TUNNEL_KINDS, TUNNELS, type TunnelKind, type VxlanEnd } from "@ocicat/routing";
import type { AgentNodeRow } from "../tables/rows.ts";
import { claimTunnelAddress, releaseTunnelAddress } from "./address.ts";
import { deviceFlaws, makeDevice, removeDevice } from "./device.ts";
import { type InspectorOptions, type Look, type Looks, TunnelInspector } from "./inspector.ts";
import type { TunnelFacts } from "./protocol.ts";
import { isPublished, type Publication, publish } from "./publication.ts";
import type { TunnelSpec } from "./spec.ts";

export interface TunnelRunnerOptions extends InspectorOptions {
  readonly client: ResourceClient;
  readonly ipam: Ipam;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly scope: Scope;
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
  readonly #inspector: TunnelInspector;
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
    this.#inspector = new TunnelInspector(options);
    this.#backoff = createBackoff(options.random, { initialMs: 200, maxMs: 10_000 });
  }

  /** What an earlier run left in order is used from the first moment on: a restart moves no route. */
  adopt(): void {
    const looks = this.#inspector.lookAtAll(this.#addresses);
    this.#guard(looks);
    for (const kind of TUNNEL_KINDS) this.#use(kind, looks[kind].step.usable);
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
    const looks = this.#inspector.lookAtAll(this.#addresses);
    return TUNNEL_KINDS.map((kind) => {
      const { facts, spec } = looks[kind];
      return {
        kind,
        device: TUNNELS[kind].device,
        wanted: facts.wanted,
        address: spec === undefined ? undefined : formatAddress(spec.address),
        usable: this.#options.resolver.usable.has(kind),
        flaws: facts.wanted && spec !== undefined ? deviceFlaws(this.#options.kernel, spec) : [],
        keptFor: facts.wanted ? [] : this.#inspector.declaredBy(kind),
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
    const own = tables.ownNode();
    if (own === undefined) return;
    const looks = this.#inspector.lookAtAll(this.#addresses);
    this.#guard(looks);
    let failed = false;
    for (const kind of TUNNEL_KINDS) {
      try {
        await this.#tend(kind, looks[kind]);
        this.#failures.delete(kind);
      } catch (error) {
        failed = true;
        const why = toError(error).message;
        if (this.#failures.get(kind) !== why) logger.warning("a tunnel cannot be had yet", { kind, why });
        this.#failures.set(kind, why);
      }
    }
    try {
      await this.#publish(own, looks);
    } catch (error) {
      failed = true;
      logger.warning("this node's tunnels could not be published yet", { why: toError(error).message });
    }
    if (failed) this.#armRetry();
    else this.#backoff.reset();
  }

  /** Before a device is there, and for as long as it is. */
  #guard(looks: Looks): void {
    const { guard, felix } = this.#options;
    const has = (kind: TunnelKind) => looks[kind].facts.wanted || looks[kind].facts.device !== "absent";
    const port = (kind: TunnelKind) => (has(kind) ? felix.vxlanPort : undefined);
    guard({ ipip: has("ipip"), vxlanPort: { 4: port("vxlan"), 6: port("vxlan6") } });
  }

  /** The device's part of a step. */
  async #tend(kind: TunnelKind, { facts, step, spec }: Look): Promise<void> {
    const { kernel, logger, resolver } = this.#options;
    if (!facts.wanted && facts.device !== "absent") this.#givingUp.add(kind);
    else this.#givingUp.delete(kind);
    this.#use(kind, step.usable);
    if (step.device === "make") {
      const made = spec ?? this.#inspector.specFor(kind, await this.#claim(kind));
      const flaws = deviceFlaws(kernel, made);
      makeDevice(kernel, made);
      logger.info("tunnel device put in order", { device: made.device, because: flaws });
      resolver.setTunnelAddress(kind, made.address);
      this.#options.onChange();
      this.#again = true;
    } else if (step.device === "remove") {
      removeDevice(kernel, kind);
      logger.info("tunnel device taken away", { device: TUNNELS[kind].device });
      this.#addresses.delete(kind);
      resolver.setTunnelAddress(kind, undefined);
      this.#options.onChange();
      // Its address is given back once the device is seen to be gone, and again if that fails.
      this.#checked.delete(kind);
      this.#again = true;
    } else if (!this.#checked.has(kind)) {
      await this.#check(kind, facts, spec);
    }
  }

  /** IPAM and the device must agree, whatever moment an earlier run ended at: once a run, and when a device was taken away. */
  async #check(kind: TunnelKind, facts: TunnelFacts, spec: TunnelSpec | undefined): Promise<void> {
    const { ipam, self, logger } = this.#options;
    if (facts.wanted) {
      const held = await this.#claim(kind);
      if (held !== spec?.address) this.#again = true;
    } else if (facts.device === "absent" && !facts.published) {
      const released = await releaseTunnelAddress(ipam, self, kind);
      if (released.length > 0)
        logger.info("tunnel address given back", { kind, addresses: released.map(formatAddress) });
    } else return;
    this.#checked.add(kind);
  }

  async #claim(kind: TunnelKind): Promise<Address> {
    const { ipam, self, tables } = this.#options;
    const address = await claimTunnelAddress(ipam, self, kind, [...tables.pools.rows()]);
    this.#addresses.set(kind, address);
    return address;
  }

  /** Brings this node's resource to what the steps say, by one write. */
  async #publish(own: AgentNodeRow, looks: Looks): Promise<void> {
    const { client, self, logger, backend } = this.#options;
    const end = (kind: "vxlan" | "vxlan6") => {
      const { step, spec } = looks[kind];
      if (!step.publish) return undefined;
      return spec?.mac === undefined ? own.tunnels[kind] : vxlanEnd(spec.address, spec.mac);
    };
    const ipip = looks.ipip.spec?.address ?? own.tunnels.ipip;
    const wanted: Publication = {
      tunnels: {
        ipip: looks.ipip.step.publish && typeof ipip === "number" ? ipip : undefined,
        vxlan: end("vxlan"),
        vxlan6: end("vxlan6"),
      },
      sendsBy: new Set(TUNNEL_KINDS.filter((kind) => looks[kind].step.declare)),
      backend,
    };
    if (isPublished(own, wanted)) return;
    this.#awaited = await publish(client, self, wanted);
    logger.info("published", { tunnels: describe(wanted.tunnels), sendsBy: [...wanted.sendsBy] });
    this.#again = true;
  }

  #use(kind: TunnelKind, usable: boolean): void {
    const { resolver, onChange, tables } = this.#options;
    if (resolver.usable.has(kind) === usable) return;
    resolver.setUsable(kind, usable);
    const published = tables.ownNode()?.tunnels[kind];
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
