import { QOS_ANNOTATIONS, type QosControls, readQosAnnotations } from "@ocicat/api";
import { invalidConfig } from "./errors.ts";
import type { JsonReader } from "./json-reader.ts";

/**
 * What a pod's annotations limit it to, as it is stored with its endpoint. Undefined if it has none of them. A limit that
 * cannot be kept to is refused here, where somebody sees it. Throws CniError code 7.
 */
export function parseQosAnnotations(annotations: JsonReader | undefined): QosControls | undefined {
  if (annotations === undefined) return undefined;
  const given = QOS_ANNOTATIONS.flatMap((name) => {
    const text = annotations.string(name);
    return text === undefined ? [] : [[name, text] as const];
  });
  const { controls, problems } = readQosAnnotations(Object.fromEntries(given));
  const [problem] = problems;
  if (problem === undefined) return controls;
  const { annotation, text, why } = problem;
  throw invalidConfig(annotations.at(annotation), `${text} ${why}`, "write it as 10M or 64Ki, within the limits");
}
