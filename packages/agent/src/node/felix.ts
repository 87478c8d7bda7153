import {
  compileSelector,
  type FelixConfiguration,
  type FelixSettings,
  felixConfiguration,
  felixSettings,
} from "@ocicat/api";
import type { Logger } from "@ocicat/kit";
import type { AgentOptions } from "../options.ts";
import type { Tables } from "../tables/tables.ts";

/** What holds on this node: the environment's word goes before the datastore's. What is set and has no effect yet is named. */
export function readFelix(
  tables: Tables,
  { nodeName, felix: environment }: Pick<AgentOptions, "nodeName" | "felix">,
  logger: Logger,
): FelixSettings {
  const layers = felixLayers([...tables.felix.rows()], nodeName, tables.ownNode()?.labels ?? {});
  for (const layer of layers) {
    for (const { field, value } of felixConfiguration.withoutEffect(layer)) {
      logger.warning("set in FelixConfiguration and without effect yet", { name: layer.metadata.name, field, value });
    }
  }
  return felixSettings([...layers.map((layer) => layer.spec), environment]);
}

/** What of a FelixConfiguration says where it holds. */
type Selecting = Pick<FelixConfiguration, "metadata"> & {
  readonly spec: Pick<FelixConfiguration["spec"], "nodeSelector">;
};

/**
 * The configurations that hold on a node, the weakest first, as Calico's: "default", then the one whose nodeSelector matches
 * the node's labels (the oldest, where several do), then "node.<name>".
 */
export function felixLayers<C extends Selecting>(
  configurations: readonly C[],
  nodeName: string,
  labels: Readonly<Record<string, string>>,
): readonly C[] {
  const named = (name: string) => configurations.filter(({ metadata }) => metadata.name === name);
  const isFixed = ({ metadata: { name } }: Selecting) => name === "default" || name.startsWith("node.");
  const selecting = configurations
    .filter((each) => !isFixed(each) && compileSelector(each.spec.nodeSelector ?? "!all()").matches(labels))
    .sort((a, b) => compareText(ageOf(a), ageOf(b)) || compareText(a.metadata.name, b.metadata.name));
  return [...named("default"), ...selecting.slice(0, 1), ...named(`node.${nodeName}`)];
}

/** RFC 3339 in UTC sorts as text. */
function ageOf({ metadata }: Selecting): string {
  return metadata.creationTimestamp ?? "";
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
