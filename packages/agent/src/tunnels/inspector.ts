import { release as kernelRelease } from "node:os";
import type { FelixSettings } from "@ocicat/api";
import { OcicatError } from "@ocicat/kit";
import type { Kernel, Link, LinkAddress, Tunnel } from "@ocicat/linux/kernel";
import type { Address } from "@ocicat/net";
import {
  type Backend,
  type NodeTunnels,
  type RoutingResolver,
  TUNNELS,
  type TunnelKind,
  wantedTunnels,
} from "@ocicat/routing";
import { tunnelMtu } from "../node/mtu.ts";
import type { AgentNodeRow } from "../tables/rows.ts";
import type { Tables } from "../tables/tables.ts";
import { isIn } from "./address.ts";
import { carries, deviceFlaws } from "./device.ts";
import { nextStep, type TunnelFacts, type TunnelStep } from "./protocol.ts";
import { checksumOffloadWorks, type TunnelSpec, vtepMac } from "./spec.ts";

export interface InspectorOptions {
  readonly self: string;
  readonly backend: Backend;
  readonly kernel: Kernel;
  readonly tables: Tables;
  readonly resolver: RoutingResolver;
  readonly felix: FelixSettings;
  /** A link of this node by its index, as it is now. */
  readonly linkAt: (index: number) => Link | undefined;
  /** True while a route in the kernel leads through the device. */
  readonly hasRoutesThrough: (device: string) => boolean;
}

/** The interface that a tunnel's outer packets leave by, with the node's own address on it. */
interface Underlay {
  readonly link: Link;
  readonly address: Address;
}

/** What is seen of one tunnel, and what follows. */
export interface Look {
  readonly facts: TunnelFacts;
  readonly step: TunnelStep;
  /** Undefined: there is no address yet, or no interface. */
  readonly spec: TunnelSpec | undefined;
}

export type Looks = Readonly<Record<TunnelKind, Look>>;

/** Sees how this node's tunnels are and says how they should be. Changes nothing. */
export class TunnelInspector {
  readonly #options: InspectorOptions;

  constructor(options: InspectorOptions) {
    this.#options = options;
  }

  /** `held`: the addresses that IPAM is known to have given. */
  lookAtAll(held: ReadonlyMap<TunnelKind, Address>): Looks {
    const wanted = wantedTunnels(this.#options.tables.pools.rows(), this.#options.backend);
    const look = (kind: TunnelKind) => this.#look(kind, wanted.has(kind), held.get(kind));
    return { ipip: look("ipip"), vxlan: look("vxlan"), vxlan6: look("vxlan6") };
  }

  /** The device as it should be with a new address. Throws OcicatError TUNNEL_UNDERLAY. */
  specFor(kind: TunnelKind, address: Address): TunnelSpec {
    const underlay = this.#underlay(kind, this.#options.tables.ownNode());
    if (underlay !== undefined) return this.#spec(kind, address, underlay);
    const what = `this node has no IPv${TUNNELS[kind].family} address on an interface`;
    throw new OcicatError({ code: "TUNNEL_UNDERLAY", where: TUNNELS[kind].device, what, retryable: true });
  }

  /** Other nodes that say they send by it. */
  declaredBy(kind: TunnelKind): string[] {
    const { tables, self } = this.#options;
    return [...tables.nodes.rows()].flatMap((row) => (row.name !== self && row.sendsBy?.has(kind) ? [row.name] : []));
  }

  /** What is seen of a tunnel now, and what follows. */
  #look(kind: TunnelKind, isCalledFor: boolean, held: Address | undefined): Look {
    const { tables, kernel, resolver, hasRoutesThrough } = this.#options;
    const { device } = TUNNELS[kind];
    const own = tables.ownNode();
    const underlay = this.#underlay(kind, own);
    const wanted = isCalledFor && underlay !== undefined;
    const address = this.#address(kind, own, wanted, held);
    const spec = address === undefined || underlay === undefined ? undefined : this.#spec(kind, address, underlay);
    const seen = {
      wanted,
      device: spec === undefined ? leftover(kernel, device, tables) : deviceState(kernel, spec),
      published: isEnd(own?.tunnels[kind], wanted ? spec : undefined),
      declared: own?.sendsBy?.has(kind) === true,
    };
    // Most nodes have no use for most tunnels: then nobody else's words count.
    const rests = !wanted && seen.device === "absent" && !seen.published && !seen.declared;
    const facts: TunnelFacts = {
      ...seen,
      sending: !wanted && !rests && (resolver.sendsBy(kind) || hasRoutesThrough(device)),
      othersDeclare: !wanted && !rests && this.declaredBy(kind).length > 0,
    };
    return { facts, step: nextStep(facts), spec };
  }

  /** The address that IPAM gave, or, until it was asked, the one that an earlier run published. */
  #address(
    kind: TunnelKind,
    own: AgentNodeRow | undefined,
    wanted: boolean,
    held: Address | undefined,
  ): Address | undefined {
    const published = own?.tunnels[kind];
    const address = held ?? (typeof published === "object" ? published.address : published);
    if (address === undefined || !wanted) return address;
    return isIn(this.#options.tables.pools.rows(), kind, address) ? address : undefined;
  }

  #spec(kind: TunnelKind, address: Address, underlay: Underlay): TunnelSpec {
    const { felix, self, tables } = this.#options;
    const own = tables.ownNode();
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
  #underlay(kind: TunnelKind, own: AgentNodeRow | undefined): Underlay | undefined {
    const { kernel, linkAt } = this.#options;
    const address = (TUNNELS[kind].family === 4 ? own?.ipv4 : own?.ipv6)?.address;
    if (address === undefined) return undefined;
    const entry = kernel.addresses().find((each) => each.address === address);
    const link = entry === undefined ? undefined : linkAt(entry.linkIndex);
    return link === undefined ? undefined : { link, address };
  }
}

/** A tunl0 without an address of our pools is somebody else's; the other names are nobody's but Calico's. */
function leftover(kernel: Kernel, device: string, tables: Tables): TunnelFacts["device"] {
  const link = kernel.link(device);
  if (link?.up !== true) return "absent";
  if (link.kind === "vxlan") return "flawed";
  const pools = [...tables.pools.rows()];
  const isOurs = ({ linkIndex, address }: LinkAddress) =>
    linkIndex === link.index && pools.some((pool) => pool.cidr.has(address));
  return kernel.addresses().some(isOurs) ? "flawed" : "absent";
}

function deviceState(kernel: Kernel, spec: TunnelSpec): TunnelFacts["device"] {
  if (!carries(kernel, spec)) return "absent";
  return deviceFlaws(kernel, spec).length === 0 ? "right" : "flawed";
}

/** Whether what is published is the device as it should be; without one to compare with, whether anything is. */
function isEnd(published: NodeTunnels[TunnelKind], spec: TunnelSpec | undefined): boolean {
  if (spec === undefined || published === undefined) return published !== undefined;
  if (typeof published !== "object") return published === spec.address;
  return published.address === spec.address && published.mac === spec.mac;
}
