import type { JsonValue } from "@ocicat/kit";
import type { Prefix } from "@ocicat/net";
import { checkMetadata, metadataSchema } from "./metadata.ts";
import type { Problem } from "./problem.ts";
import { type AnyResource, API_VERSION } from "./resource.ts";
import {
  always,
  choice,
  dnsSubdomain,
  isObject,
  type Mode,
  type ObjectSchema,
  object,
  optional,
  type Reading,
  read,
  required,
  type ScalarSchema,
  writeObject,
} from "./schema/index.ts";
import { resourceStorage, type Storage } from "./storage.ts";
import { type IneffectiveField, ineffective, type StoredOnlyField } from "./without-effect.ts";

/** What a rule may look at besides the resource itself. */
export interface RuleContext<R = AnyResource> {
  /** The resource as it is stored: this is an update. */
  readonly previous?: R | undefined;
  /** The resources of the kind that there are. */
  readonly others?: readonly R[] | undefined;
  /** Those of the kinds that the kind names as related; what is not known is not checked. */
  readonly related?: RelatedResources | undefined;
  /** The IPAM blocks that there are, where the kind asks for them; what is not known is not checked. */
  readonly blocks?: readonly Prefix[] | undefined;
}

/** Resources by the names of their kinds, those that are built in among them. */
export type RelatedResources = ReadonlyMap<string, readonly AnyResource[]>;

/** Looks at a resource whose fields are well-formed each, and says what does not fit together. */
export type Rule<R> = (resource: R, context: RuleContext<R>) => Iterable<Problem>;

/** What keeps a resource from being deleted. */
export interface Hindrance {
  readonly why: string;
  readonly fix: string;
}

/** What a column may look at besides the resource itself. */
export interface TableContext {
  /** The AS number of nodes that have none of their own: BGPConfiguration "default", else 64512. */
  readonly globalAsNumber?: number | undefined;
}

export interface Column<R = AnyResource> {
  readonly heading: string;
  readonly cell: (resource: R, context: TableContext) => string;
}

/** A resource to show how one is written. */
export interface Example<R extends AnyResource> {
  readonly name: string;
  readonly namespace?: string;
  /** As a person would write it: without what is filled in. */
  readonly spec: Written<R["spec"]>;
}

/** A value as it is before defaults are filled in, at any depth. */
export type Written<T> = T extends readonly (infer Item)[]
  ? readonly Written<Item>[]
  : T extends object
    ? { readonly [Name in keyof T]?: Written<T[Name]> }
    : T;

type JsonObject = { readonly [key: string]: JsonValue };

/** What a kind's file says about it. */
export interface KindParts<R extends AnyResource> {
  readonly kind: R["kind"];
  /** What it is for: a sentence or two. */
  readonly description: string;
  /** Lower case, as in keys. */
  readonly plural: string;
  /** Further names on the command line; kind and plural are always understood. */
  readonly aliases: readonly string[];
  readonly namespaced: boolean;
  /** What a person may call one; a DNS subdomain unless told. */
  readonly name?: ScalarSchema<string>;
  readonly spec: ObjectSchema<R["spec"]>;
  readonly status?: ObjectSchema<NonNullable<R["status"]>>;
  /** Store an empty status where there is none, as Calico does for some kinds. */
  readonly storesEmptyStatus?: boolean;
  /** Written by the system only: a person who applies one is refused, for this reason. */
  readonly readOnly?: string;
  /** What the system puts in before a resource is stored, and nobody may choose. */
  readonly complete?: (resource: R) => R;
  /** What must fit together, by the sentence that says it. */
  readonly rules?: Readonly<Record<string, Rule<R>>>;
  /** What one sets that this version stores and does not act on; nothing unless told. */
  readonly withoutEffect?: readonly StoredOnlyField[];
  /** Kinds by name whose resources the rules look at besides its own. */
  readonly related?: readonly string[];
  /** The rules look at IPAM's blocks. */
  readonly seesBlocks?: boolean;
  /** Resources that there are without being stored; one that is stored under the same name counts instead. */
  readonly builtIn?: readonly R[];
  /** What keeps the one of this name from being deleted, beside resources of `keepers`; what is built in always is kept. */
  readonly keptBy?: (name: string, keepers: RelatedResources) => Hindrance | undefined;
  /** Kinds by name whose resources may keep one from being deleted. */
  readonly keepers?: readonly string[];
  /** The order of a list; by namespace and name unless told. */
  readonly compare?: (a: R, b: R) => number;
  /** What people are shown, from the whole document: for a kind that Calico shows with less than it stores. */
  readonly shown?: (document: JsonObject) => JsonObject;
  readonly columns: readonly Column<R>[];
  /** The columns of `-o wide`; the same ones unless told. */
  readonly wide?: readonly Column<R>[];
  /** Where and how it is stored, for a kind that is not stored as itself. */
  readonly storage?: Storage;
  /** For the reference; none for a kind that nobody writes. */
  readonly example?: Example<R>;
}

/** A kind of resource. Its functions take any resource, so that all kinds fit into one registry. */
export interface Kind<R extends AnyResource = AnyResource> {
  readonly kind: R["kind"];
  readonly description: string;
  readonly plural: string;
  readonly aliases: readonly string[];
  readonly namespaced: boolean;
  readonly readOnly: string | undefined;
  /** The whole resource: kind, apiVersion, metadata, spec, status. */
  readonly schema: ObjectSchema<R>;
  /** What a person may call one. */
  readonly name: ScalarSchema<string>;
  readonly storage: Storage;
  /** The rules, as sentences. */
  readonly rules: readonly string[];
  readonly columns: readonly Column[];
  readonly wide: readonly Column[];
  readonly example: Example<R> | undefined;
  readonly is: (resource: AnyResource) => resource is R;
  readonly read: (document: unknown, mode: Mode) => Reading<R>;
  /** What is wrong with a resource that was read strictly. Throws TypeError on one of another kind. */
  readonly check: (resource: AnyResource, context?: RuleContext) => readonly Problem[];
  /** The resource with what the system puts in. Throws TypeError on one of another kind. */
  readonly complete: (resource: AnyResource) => R;
  /** Fields of its spec that are stored and not acted on. */
  readonly storedOnly: readonly StoredOnlyField[];
  /** Which of them a resource sets. Throws TypeError on one of another kind. */
  readonly withoutEffect: (resource: AnyResource) => readonly IneffectiveField[];
  readonly related: readonly string[];
  readonly seesBlocks: boolean;
  readonly builtIn: readonly R[];
  /** What keeps the one of this name from being deleted. */
  readonly keptBy: (name: string, keepers: RelatedResources) => Hindrance | undefined;
  readonly keepers: readonly string[];
  /** Sorts a list of its resources, where it is not to be in order of key. Throws TypeError on one of another kind. */
  readonly compare: ((a: AnyResource, b: AnyResource) => number) | undefined;
  /** As a person sees it. */
  readonly show: (resource: AnyResource) => JsonObject;
}

const BUILT_IN: Hindrance = { why: "it is built in", fix: "leave it: every cluster has it" };

export function defineKind<R extends AnyResource>(parts: KindParts<R>): Kind<R> {
  const { kind, plural, namespaced, name = dnsSubdomain(), rules = {}, complete = (resource: R) => resource } = parts;
  const { withoutEffect: storedOnly = [], related = [], keepers = [], builtIn = [], compare } = parts;
  const { seesBlocks = false } = parts;
  const schema = resourceSchema(parts, name);
  const is = (resource: AnyResource): resource is R => resource.kind === kind;
  const own = (resource: AnyResource): R => {
    if (is(resource)) return resource;
    throw new TypeError(`a ${resource.kind} was taken for a ${kind}`);
  };
  const column = ({ heading, cell }: Column<R>): Column => ({
    heading,
    cell: (resource, context) => cell(own(resource), context),
  });
  const nameRules = { namespaced, checkName: name.check };
  return Object.freeze({
    kind,
    plural,
    namespaced,
    name,
    schema,
    storedOnly,
    is,
    description: parts.description,
    rules: Object.keys(rules),
    example: parts.example,
    aliases: parts.aliases,
    readOnly: parts.readOnly,
    storage: parts.storage ?? resourceStorage(plural, namespaced),
    columns: parts.columns.map(column),
    wide: (parts.wide ?? parts.columns).map(column),
    read: (document: unknown, mode: Mode) => read(schema, withSpec(document), mode),
    check(resource: AnyResource, context: RuleContext = {}) {
      const previous = context.previous === undefined ? undefined : own(context.previous);
      const ruleContext = { ...context, previous, others: context.others?.filter(is) };
      const found = Object.values(rules).flatMap((rule) => [...rule(own(resource), ruleContext)]);
      return [...checkMetadata(resource.metadata, nameRules), ...found];
    },
    complete: (resource: AnyResource) => complete(own(resource)),
    withoutEffect: (resource: AnyResource) => ineffective(storedOnly, own(resource)),
    related,
    seesBlocks,
    builtIn,
    keepers,
    keptBy(name: string, resources: RelatedResources) {
      const isBuiltIn = builtIn.some(({ metadata }) => metadata.name === name);
      return isBuiltIn ? BUILT_IN : parts.keptBy?.(name, resources);
    },
    compare: compare && ((a: AnyResource, b: AnyResource) => compare(own(a), own(b))),
    show(resource: AnyResource) {
      const document = writeObject(schema, own(resource));
      return parts.shown?.(document) ?? document;
    },
  });
}

function resourceSchema<R extends AnyResource>(parts: KindParts<R>, name: ScalarSchema<string>): ObjectSchema<R> {
  const fields = {
    kind: required(choice(parts.kind)),
    apiVersion: required(choice(API_VERSION)),
    metadata: required(metadataSchema(name)),
    spec: required(parts.spec),
  };
  const descriptions = {
    kind: "Which kind of resource it is.",
    apiVersion: "The version of the schema; there is one.",
    metadata: "What every resource carries about itself.",
    spec: parts.description,
  };
  if (parts.status === undefined) return object(fields, descriptions) as ObjectSchema<R>;
  const status = parts.storesEmptyStatus === true ? always(parts.status) : optional(parts.status);
  const withStatus = { ...descriptions, status: "What the system reports; not for people to write." };
  return object({ ...fields, status }, withStatus) as ObjectSchema<R>;
}

/** A spec that is left out is an empty one: what it must have is then missing by name. */
function withSpec(document: unknown): unknown {
  if (!isObject(document)) return document;
  return { ...document, spec: document.spec ?? {} };
}
