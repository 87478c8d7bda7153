import type { Selector } from "@ocicat/api";
import type { Family, Prefix } from "@ocicat/net";

/** Allow and deny decide, pass hands over to the next tier, log writes a line and goes on to the next rule. */
export type Action = "allow" | "deny" | "pass" | "log";

/** One rule of a policy or of a profile. It matches what all its parts match; a part that is absent matches everything. */
export interface Rule {
  readonly action: Action;
  /** Reading sets it also where the networks leave but one: a rule that names IPv6 networks alone, negated or not, is of IPv6. */
  readonly ipVersion: Family | undefined;
  /** 0 to 255. */
  readonly protocol: number | undefined;
  readonly notProtocol: number | undefined;
  /** ICMP or ICMPv6 of this type. */
  readonly icmp: IcmpMatch | undefined;
  /** ICMP or ICMPv6 of another type: what is neither is not matched. */
  readonly notIcmp: IcmpMatch | undefined;
  readonly source: End;
  readonly destination: End;
  /** Where it is written, as a path in its resource: `spec.ingress[2]`. */
  readonly field: string;
  /** Why it never matches although it was written to; undefined for one that is whole. */
  readonly broken: string | undefined;
  /** Why it denies everything although less was written: a rule that denies or passes, and cannot be understood. */
  readonly closed?: string;
}

export interface IcmpMatch {
  readonly type: number;
  /** Undefined: any. */
  readonly code: number | undefined;
}

/**
 * Source or destination of a rule. All that is given has to hold. Empty lists: not given.
 *
 * `selector` is everything that chooses endpoints put into one: selector, namespaceSelector and serviceAccounts of the
 * stored rule, and the policy's own namespace where it has one.
 */
export interface End {
  /** In one of them. */
  readonly networks: readonly Prefix[];
  /** In none of them. */
  readonly notNetworks: readonly Prefix[];
  readonly selector: Selector | undefined;
  /** Reading puts it into `selector` where there is one, so that it stands alone or not at all. */
  readonly notSelector: Selector | undefined;
  /** A node that it chooses, at one of its addresses. */
  readonly nodes: Selector | undefined;
  /** One of them; matched only where the rule has a protocol with ports. */
  readonly ports: readonly PortMatch[];
  /** None of them. */
  readonly notPorts: readonly PortMatch[];
  /** An endpoint of this service, at one of its ports where it is a destination. */
  readonly service: ServiceName | undefined;
}

/**
 * Both ends belong to the range. A name means the port that the endpoint at this end gives it, for the rule's protocol; where
 * the end has a selector, also below `notPorts`, of those endpoints that it chooses.
 */
export type PortMatch =
  | { readonly kind: "range"; readonly first: number; readonly last: number }
  | { readonly kind: "name"; readonly name: string };

export interface ServiceName {
  readonly namespace: string;
  readonly name: string;
}
