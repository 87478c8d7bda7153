import { checkMetadata, metadataSchema } from "./metadata.ts";
import type { Problem } from "./problem.ts";
import { type AnyResource, API_VERSION } from "./resource.ts";
import {
  type Checked,
  checkDnsSubdomain,
  choice,
  defaulted,
  isObject,
  type Mode,
  type ObjectSchema,
  object,
  optional,
  type Reading,
  read,
  required,
} from "./schema/index.ts";
import { resourceStorage, type Storage } from "./storage.ts";
import type { IneffectiveField } from "./without-effect.ts";

/** What a rule may look at besides the resource itself. */
export interface RuleContext<R = AnyResource> {
  /** The resource as it is stored: this is an update. */
  readonly previous?: R | undefined;
  /** The resources of the kind that there are. */
  readonly others?: readonly R[] | undefined;
}

/** Looks at a resource whose fields are well-formed each, and says what does not fit together. */
export type Rule<R> = (resource: R, context: RuleContext<R>) => Iterable<Problem>;

/** What a column may look at besides the resource itself. */
export interface TableContext {
  /** The AS number of nodes that have none of their own: BGPConfiguration "default", else 64512. */
  readonly globalAsNumber?: number | undefined;
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
  /** What a person may call one; a DNS subdomain unless told. */
  readonly name?: (name: string) => Checked<string>;
  readonly spec: ObjectSchema<R["spec"]>;
  readonly status?: ObjectSchema<NonNullable<R["status"]>>;
  /** Store `"status":{}` where there is none, as Calico does for some kinds. */
  readonly storesEmptyStatus?: boolean;
  /** Written by the system only: a person who applies one is refused, for this reason. */
  readonly readOnly?: string;
  /** What the system puts in before a resource is stored, and nobody may choose. */
  readonly complete?: (resource: R) => R;
  readonly rules?: readonly Rule<R>[];
  /** What one sets that this version stores and does not act on; nothing unless told. */
  readonly withoutEffect?: (resource: R) => readonly IneffectiveField[];
  readonly columns: readonly Column<R>[];
  /** The columns of `-o wide`; the same ones unless told. */
  readonly wide?: readonly Column<R>[];
  /** Where and how it is stored, for a kind that is not stored as itself. */
  readonly storage?: Storage;
}

/** A kind of resource. Its functions take any resource, so that all kinds fit into one registry. */
export interface Kind<R extends AnyResource = AnyResource> {
  readonly kind: R["kind"];
  readonly plural: string;
  readonly aliases: readonly string[];
  readonly namespaced: boolean;
  readonly readOnly: string | undefined;
  /** The whole resource: kind, apiVersion, metadata, spec, status. */
  readonly schema: ObjectSchema<R>;
  readonly storage: Storage;
  readonly columns: readonly Column[];
  readonly wide: readonly Column[];
  readonly is: (resource: AnyResource) => resource is R;
  readonly read: (document: unknown, mode: Mode) => Reading<R>;
  /** What is wrong with a resource that was read strictly. Throws TypeError on one of another kind. */
  readonly check: (resource: AnyResource, context?: RuleContext) => readonly Problem[];
  /** The resource with what the system puts in. Throws TypeError on one of another kind. */
  readonly complete: (resource: AnyResource) => R;
  /** What it sets that changes nothing yet. Throws TypeError on one of another kind. */
  readonly withoutEffect: (resource: AnyResource) => readonly IneffectiveField[];
}

export function defineKind<R extends AnyResource>(parts: KindParts<R>): Kind<R> {
  const { kind, plural, namespaced, rules = [], complete = (resource: R) => resource } = parts;
  const schema = resourceSchema(parts);
  const is = (resource: AnyResource): resource is R => resource.kind === kind;
  const own = (resource: AnyResource): R => {
    if (is(resource)) return resource;
    throw new TypeError(`a ${resource.kind} was taken for a ${kind}`);
  };
  const column = ({ heading, cell }: Column<R>): Column => ({
    heading,
    cell: (resource, context) => cell(own(resource), context),
  });
  const nameRules = { namespaced, checkName: parts.name ?? checkDnsSubdomain };
  return Object.freeze({
    kind,
    plural,
    namespaced,
    schema,
    is,
    aliases: parts.aliases,
    readOnly: parts.readOnly,
    storage: parts.storage ?? resourceStorage(plural, namespaced),
    columns: parts.columns.map(column),
    wide: (parts.wide ?? parts.columns).map(column),
    read: (document: unknown, mode: Mode) => read(schema, withSpec(document), mode),
    check(resource: AnyResource, context: RuleContext = {}) {
      const previous = context.previous === undefined ? undefined : own(context.previous);
      const ruleContext = { previous, others: context.others?.filter(is) };
      const found = rules.flatMap((rule) => [...rule(own(resource), ruleContext)]);
      return [...checkMetadata(resource.metadata, nameRules), ...found];
    },
    complete: (resource: AnyResource) => complete(own(resource)),
    withoutEffect: (resource: AnyResource) => parts.withoutEffect?.(own(resource)) ?? [],
  });
}

function resourceSchema<R extends AnyResource>(parts: KindParts<R>): ObjectSchema<R> {
  const fields = {
    kind: required(choice(parts.kind)),
    apiVersion: required(choice(API_VERSION)),
    metadata: required(metadataSchema),
    spec: required(parts.spec),
  };
  if (parts.status === undefined) return object(fields) as ObjectSchema<R>;
  const status = parts.storesEmptyStatus === true ? defaulted(parts.status, {}) : optional(parts.status);
  return object({ ...fields, status }) as ObjectSchema<R>;
}

/** A spec that is left out is an empty one: what it must have is then missing by name. */
function withSpec(document: unknown): unknown {
  if (!isObject(document)) return document;
  return { ...document, spec: document.spec ?? {} };
}
