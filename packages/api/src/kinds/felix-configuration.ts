import { defineKind } from "../define-kind.ts";
import type { Problem } from "../problem.ts";
import type { Resource } from "../resource.ts";
import { type Infer, object, optional } from "../schema/index.ts";
import { selector } from "../selector/index.ts";
import type { StoredOnlyField } from "../without-effect.ts";
import { checkConfigurationName } from "./configuration-name.ts";
import { felixDescriptions } from "./felix-descriptions.ts";
import { type FelixParameterName, type FelixParameters, felixParameters, type Parameter } from "./felix-parameters.ts";

const spec = object(
  { nodeSelector: optional(selector(), ""), ...fieldsOf(felixParameters) },
  { nodeSelector: "The nodes that it is for, by their labels, where its name does not say it.", ...felixDescriptions },
);

export interface FelixConfigurationSpec extends Infer<typeof spec> {}
/** How the agents run: "default" for all nodes, "node.<name>" for one, any other name with a nodeSelector. */
export type FelixConfiguration = Resource<FelixConfigurationSpec, unknown, "FelixConfiguration">;

export const felixConfiguration = defineKind<FelixConfiguration>({
  kind: "FelixConfiguration",
  description:
    'How the agents run: "default" for all nodes, "node.<name>" for one, any other name for those that nodeSelector means. The narrower goes before the wider.',
  plural: "felixconfigurations",
  aliases: ["felixconfig", "felixconfigs"],
  namespaced: false,
  spec,
  rules: {
    'A name other than "default" and "node.<name>" needs a nodeSelector.': checkName,
    "A range of routing tables ends at or after its beginning.": checkTableRanges,
  },
  withoutEffect: parametersWithoutEffect(),
  example: { name: "default", spec: { logSeverityScreen: "Debug", vxlanMTU: 1400 } },
  columns: [{ heading: "NAME", cell: ({ metadata }) => metadata.name }],
});

/** What holds on a node: for each parameter, what is set, else its standard. */
export type FelixSettings = {
  readonly [K in FelixParameterName]: NonNullable<FelixConfigurationSpec[K]> | FelixParameters[K]["standard"];
};

/** Settings from configurations, the first the weakest: "default", then those that select the node, then "node.<name>". */
export function felixSettings(layers: readonly Partial<FelixConfigurationSpec>[]): FelixSettings {
  const set = new Map<string, unknown>(layers.flatMap((layer) => Object.entries(layer)));
  const entries = Object.entries(felixParameters).map(([name, { standard }]) => [name, set.get(name) ?? standard]);
  // Each name has the type that its parameter gives it, in the layers and as the standard alike.
  return Object.fromEntries(entries) as FelixSettings;
}

/** Nothing is missed where what is set holds anyway, or is what Calico writes for everybody. */
function parametersWithoutEffect(): readonly StoredOnlyField[] {
  return Object.entries<Parameter<unknown>>(felixParameters)
    .filter(([, { effect }]) => !effect)
    .map(([name, { section, standard, field }]) => ({ name, section, harmless: [standard, field.fallback?.({})] }));
}

type FieldsOf<P> = { readonly [K in keyof P]: P[K] extends { readonly field: infer F } ? F : never };

function fieldsOf<P extends Readonly<Record<string, Parameter<unknown>>>>(parameters: P): FieldsOf<P> {
  return Object.fromEntries(Object.entries(parameters).map(([name, { field }]) => [name, field])) as FieldsOf<P>;
}

function* checkName({ metadata, spec }: FelixConfiguration): Iterable<Problem> {
  const checked = checkConfigurationName(metadata.name);
  if (checked.ok || spec.nodeSelector !== undefined) return;
  const message = `${checked.message}, and no spec.nodeSelector says which nodes it is for`;
  yield { field: "metadata.name", value: metadata.name, rule: checked.rule, message };
}

function* checkTableRanges({ spec }: FelixConfiguration): Iterable<Problem> {
  const ranges = [
    ...(spec.routeTableRange === undefined ? [] : [["spec.routeTableRange", spec.routeTableRange] as const]),
    ...(spec.routeTableRanges ?? []).map((range, index) => [`spec.routeTableRanges[${index}]`, range] as const),
  ];
  for (const [field, { min, max }] of ranges) {
    if (min > max) yield { field: `${field}.max`, value: max, rule: "range", message: `is less than its min, ${min}` };
  }
}
