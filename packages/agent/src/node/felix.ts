import { type FelixSettings, felixSettings, fieldsWithoutEffect } from "@ocicat/api";
import type { Logger } from "@ocicat/kit";
import type { Tables } from "../tables/tables.ts";

/** "default" with "node.<name>" over it; what is set and has no effect yet is named. */
export function readFelix(tables: Tables, nodeName: string, logger: Logger): FelixSettings {
  const layers = [tables.felix.named("default"), tables.felix.named(`node.${nodeName}`)].filter(
    (layer) => layer !== undefined,
  );
  for (const layer of layers) {
    for (const { field, value } of fieldsWithoutEffect(layer)) {
      logger.warning("set in FelixConfiguration and without effect yet", { name: layer.metadata.name, field, value });
    }
  }
  return felixSettings(layers.map((layer) => layer.spec));
}
