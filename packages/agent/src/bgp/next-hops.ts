import type { Scope } from "@ocicat/kit";
import type { Kernel, KernelEvent } from "@ocicat/linux/kernel";
import type { Address } from "@ocicat/net";
import { HostLinks } from "../program/host-links.ts";

export interface NextHopsOptions {
  readonly kernel: Kernel;
  readonly scope: Scope;
  /** Pods' interfaces, which lead to no next hop: "cali" unless configured otherwise. */
  readonly interfacePrefix: string;
  readonly onChange: () => void;
}

/**
 * Which next hops a packet can be handed to as it is: those on a subnet of a link that is up. Any other would be reached by
 * way of a router, which knows the next hop and not the pod that the packet is for.
 */
export class NextHops {
  readonly #options: NextHopsOptions;
  readonly #links = new HostLinks();
  #subnets = "";

  constructor(options: NextHopsOptions) {
    this.#options = options;
    const monitor = options.kernel.monitor(["link", "address"], (events) => this.#onEvents(events));
    options.scope.add("next hop monitor", () => monitor.close());
    this.#links.read(options.kernel);
    this.#subnets = this.#describe();
  }

  onSubnet(nextHop: Address): boolean {
    return this.#links.towards(nextHop)?.up === true;
  }

  #onEvents(events: readonly KernelEvent[]): void {
    if (events.some(({ type }) => type === "resync")) this.#links.read(this.#options.kernel);
    let concerned = false;
    for (const event of events) concerned = this.#learn(event) || concerned;
    if (!concerned) return;
    const before = this.#subnets;
    this.#subnets = this.#describe();
    if (this.#subnets !== before) this.#options.onChange();
  }

  /** True if the event may have changed what is reachable. */
  #learn(event: KernelEvent): boolean {
    const { interfacePrefix } = this.#options;
    const ofHost = (name: string | undefined) => name?.startsWith(interfacePrefix) !== true;
    switch (event.type) {
      case "resync":
        return true;
      case "link":
        this.#links.learn(event.link);
        return ofHost(event.link.name);
      case "link.gone":
        this.#links.forget(event.link);
        return ofHost(event.link.name);
      case "address":
        this.#links.learnAddress(event.address);
        return ofHost(this.#links.byIndex(event.address.linkIndex)?.name);
      case "address.gone":
        this.#links.forgetAddress(event.address);
        return ofHost(this.#links.byIndex(event.address.linkIndex)?.name);
      default:
        return false;
    }
  }

  #describe(): string {
    return this.#links.subnets().map(String).sort().join(" ");
  }
}
