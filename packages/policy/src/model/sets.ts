import type { Selector } from "@ocicat/api";
import type { Address, Prefix } from "@ocicat/net";
import type { ServiceName } from "./rule.ts";

/**
 * What rules refer to instead of naming every address: told by content, so that all policies with the same selector share one.
 * `id` is a function of the rest: see set-id.ts.
 */
export type SetSpec =
  /** Addresses of all endpoints and networks of all network sets that the selector chooses. */
  | { readonly kind: "selector"; readonly id: SetId; readonly selector: Selector }
  /** Addresses of all nodes that the selector chooses. */
  | { readonly kind: "nodes"; readonly id: SetId; readonly selector: Selector }
  /** Addresses with a protocol and a port: what endpoints that the selector chooses (all, if undefined) call by this name. */
  | {
      readonly kind: "namedPort";
      readonly id: SetId;
      readonly selector: Selector | undefined;
      readonly protocol: number;
      readonly name: string;
    }
  /** Addresses of a service's endpoints; with their ports where `ports`. */
  | { readonly kind: "service"; readonly id: SetId; readonly service: ServiceName; readonly ports: boolean };

/** Fit for a name in the kernel: `s-`, `h-`, `n-` or `v-`, and 16 hexadecimal digits. */
export type SetId = string & { readonly "#set": true };

/** Hosts are prefixes of full length. */
export type SetMember =
  | { readonly kind: "network"; readonly network: Prefix }
  | { readonly kind: "port"; readonly address: Address; readonly protocol: number; readonly port: number };
