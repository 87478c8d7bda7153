import type { NodeInterfaces } from "@ocicat/enforcement";
import type { Scope } from "@ocicat/kit";
import type { Kernel } from "@ocicat/linux";

export interface HostInterfacesOptions {
  readonly kernel: Pick<Kernel, "links" | "addresses" | "monitor">;
  readonly scope: Scope;
  /** This node's interfaces with their addresses, now and whenever they change. */
  readonly onChange: (interfaces: NodeInterfaces) => void;
  readonly defer: (work: () => void) => void;
}

/** Which addresses the node's interfaces have, followed from when somebody first asks: most nodes have nobody who does. */
export class HostInterfaces {
  readonly #options: HostInterfacesOptions;
  #following = false;
  #scheduled = false;

  constructor(options: HostInterfacesOptions) {
    this.#options = options;
  }

  follow(): void {
    if (this.#following) return;
    this.#following = true;
    const { kernel, scope } = this.#options;
    const monitor = kernel.monitor(["link", "address"], () => this.#schedule());
    scope.add("host interfaces", () => monitor.close());
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#options.defer(() => {
      this.#scheduled = false;
      const { kernel, onChange } = this.#options;
      const addresses = Map.groupBy(kernel.addresses(), ({ linkIndex }) => linkIndex);
      onChange(
        new Map(
          kernel.links().map(({ index, name }) => [name, (addresses.get(index) ?? []).map(({ address }) => address)]),
        ),
      );
    });
  }
}
