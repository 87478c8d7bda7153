import type { Problem } from "./problem.ts";
import type { AnyResource } from "./resource.ts";
import type { Checked, ObjectSchema } from "./schema/index.ts";
import { accept, checkDnsSubdomain } from "./schema/index.ts";

/** What a rule may look at besides the resource itself. */
export interface RuleContext<R = AnyResource> {
  /** The resource as it is stored, on an update. */
  readonly previous?: R | undefined;
  /** The other resources of the kind. */
  readonly others?: readonly R[];
}

/** Looks at a resource whose fields are all well-formed, and says what does not fit together. */
export type Rule<R> = (resource: R, context: RuleContext<R>) => Iterable<Problem>;

/** What a column may look at besides the resource itself. */
export interface TableContext {
  /** The cluster's AS number, for nodes that have none of their own. */
  readonly globalAsNumber?: number;
}

export interface Column<R = AnyResource> {
  readonly heading: string;
  readonly cell: (resource: R, context: TableContext) => string;
}

/** What a kind's file says about it. */
export interface KindParts<R extends AnyResource> {
  readonly kind: R["kind"];
  /** Lower case, as in keys. */
  readonly plural: string;
  /** Further names on the command line; kind and plural are always understood. */
  readonly aliases: readonly string[];
  readonly namespaced: boolean;
  /** What its name must be; a DNS subdomain unless told. */
  readonly name?: (name: string) => Checked<string>;
  readonly spec: ObjectSchema<R["spec"]>;
  readonly status?: ObjectSchema<NonNullable<R["status"]>>;
  readonly rules: readonly Rule<R>[];
  readonly columns: readonly Column<R>[];
  /** The columns of `-o wide`; the same ones unless told. */
  readonly wide?: readonly Column<R>[];
}

/** A kind of resource. Covariant in R, so that all kinds fit into one registry. */
export interface Kind<R extends AnyResource = AnyResource> {
  readonly kind: R["kind"];
  readonly plural: string;
  readonly aliases: readonly string[];
  readonly namespaced: boolean;
  readonly name: (name: string) => Checked<string>;
  readonly spec: ObjectSchema<R["spec"]>;
  readonly status: ObjectSchema<NonNullable<R["status"]>> | undefined;
}

export function defineKind<R extends AnyResource>(parts: KindParts<R>): Kind<R> {
  return Object.freeze({
    kind: parts.kind,
    plural: parts.plural,
    aliases: parts.aliases,
    namespaced: parts.namespaced,
    name: parts.name ?? checkDnsSubdomain,
    spec: parts.spec,
    status: parts.status,
  });
}

export const anyName = (name: string): Checked<string> => accept(name);
