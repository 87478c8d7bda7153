import { type Kind, kinds } from "@ocicat/api";
import { columnsByKind } from "./columns.ts";
import { type Definition, defineResource, resourceSchema } from "./definition.ts";
import { type IpamResource, ipamResources } from "./ipam.ts";
import { isNeeded, type Manner, openApi } from "./open-api.ts";
import { rulesByKind } from "./rules/index.ts";
import type { OpenApi } from "./structural.ts";
import { withRules } from "./validations.ts";

/** Where resources are kept in Kubernetes. */
export type ApiGroup = "crd.projectcalico.org/v1" | "projectcalico.org/v3";

/** Kubernetes has these itself: they follow from its Nodes, Pods, Namespaces and ServiceAccounts. */
const DERIVED: ReadonlySet<string> = new Set(["Node", "WorkloadEndpoint", "Profile"]);

/** The kinds of which resources are kept as they are. */
export const storedKinds: readonly Kind[] = kinds.filter(({ kind }) => !DERIVED.has(kind));

/**
 * The definitions of all kinds, by name.
 *
 * `crd.projectcalico.org/v1` is what Calico's own programs store and read: the shape is told, nothing is refused, filled
 * in or thrown away. `projectcalico.org/v3` is what people write: checked, with the sentences of our rules.
 */
export function resourceDefinitions(apiGroup: ApiGroup): readonly Definition[] {
  const [group = "", version = ""] = apiGroup.split("/");
  const classic = apiGroup === "crd.projectcalico.org/v1";
  const own = storedKinds.map((kind) => {
    const form = classic ? classicForm(kind) : { kind: kind.kind, plural: kind.plural, schema: strictSchema(kind) };
    return defineResource({
      group,
      version,
      ...form,
      namespaced: kind.namespaced,
      shortNames: shortNames(kind, form.plural),
      columns: columnsByKind[kind.kind] ?? [],
    });
  });
  const ipam = ipamResources.map(({ kind, plural, columns, schema }: IpamResource) =>
    defineResource({ group, version, kind, plural, namespaced: false, columns, schema }),
  );
  return [...own, ...ipam].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}

function strictSchema(kind: Kind): OpenApi {
  const schema = withRules(plainSchema(kind, "strict"), rulesByKind[kind.kind] ?? {});
  const named = nameRule(kind);
  if (named === undefined) return schema;
  const rules = schema["x-kubernetes-validations"];
  return { ...schema, "x-kubernetes-validations": [named, ...(Array.isArray(rules) ? rules : [])] };
}

/** Kubernetes itself asks for DNS subdomains. */
function nameRule({ name, is: _is, ...kind }: Kind): OpenApi | undefined {
  const message = `metadata.name is not ${name.expects}`;
  if (name.form.enum !== undefined) {
    return { rule: name.form.enum.map((word) => `self.metadata.name == '${word}'`).join(" || "), message };
  }
  const pattern = NAMES[name.expects] ?? (kind.kind === "BGPConfiguration" ? name.form.pattern : undefined);
  return pattern === undefined ? undefined : { rule: `self.metadata.name.matches(r'${pattern}')`, message };
}

const LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";

/** What resources of some kinds may be called, by the phrase of their name's schema. */
const NAMES: Readonly<Record<string, string>> = {
  "a DNS label: lower-case letters, digits and '-', at most 63": `^${LABEL}$`,
};

/** Kinds whose classic form is not the resource's own. */
function classicForm(kind: Kind): { readonly kind: string; readonly plural: string; readonly schema: OpenApi } {
  const schema = plainSchema(kind, "open");
  switch (kind.kind) {
    case "IPAMConfiguration":
      return { kind: "IPAMConfig", plural: "ipamconfigs", schema };
    case "BlockAffinity":
      // Calico stores a word there, "true" or "false".
      return { kind: kind.kind, plural: kind.plural, schema: withDeletedAsText(schema) };
    default:
      return { kind: kind.kind, plural: kind.plural, schema };
  }
}

function withDeletedAsText(schema: OpenApi): OpenApi {
  return withRules(schema, {
    deleted: { at: ["spec.deleted"], schema: { type: "string" } },
  });
}

function plainSchema(kind: Kind, manner: Manner): OpenApi {
  const { spec, status } = kind.schema.fields;
  if (spec === undefined) throw new TypeError(`${kind.kind} has no spec`);
  return resourceSchema(
    kind.description,
    {
      spec: { description: kind.description, ...openApi(spec.schema, manner) },
      ...(status === undefined
        ? {}
        : { status: { description: "What the system reports.", ...openApi(status.schema, "open") } }),
    },
    manner === "strict" && isNeeded(spec) ? ["spec"] : [],
  );
}

/** What people type for it besides kind and plural, which Kubernetes knows. */
function shortNames({ aliases, kind }: Kind, plural: string): readonly string[] {
  return aliases.filter((alias) => alias !== plural && alias !== kind.toLowerCase());
}
