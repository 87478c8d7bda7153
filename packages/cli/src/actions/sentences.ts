import { type AnyResource, knownKind } from "@ocicat/api";
import { OcicatError } from "@ocicat/kit";
import type { Surroundings } from "../surroundings.ts";

/** `IPPool tiny`, `WorkloadEndpoint default/node1-k8s-a-eth0`. */
export function titleOf({ kind, metadata }: Pick<AnyResource, "kind" | "metadata">): string {
  return `${kind} ${metadata.namespace === undefined ? "" : `${metadata.namespace}/`}${metadata.name}`;
}

/** calicoctl's sentence, which scripts look for: with the kind if there is only one. */
export function successLine(done: string, count: number, kinds: readonly string[]): string {
  const [first] = kinds;
  const isOneKind = first !== undefined && kinds.every((kind) => kind === first);
  return `Successfully ${done} ${count} ${isOneKind ? `'${first}' ` : ""}resource(s)\n`;
}

/** What was written sets, and changes nothing yet. */
export function tellWithoutEffect({ tell }: Surroundings, resource: AnyResource): void {
  for (const { field, section } of knownKind(resource.kind).withoutEffect(resource)) {
    tell(`${titleOf(resource)}: ${field} is stored, and has no effect in this version (${section})`);
  }
}

export function missingFile(verb: string): OcicatError {
  return new OcicatError({
    code: "CLI_ARGUMENTS",
    what: `it is not said what to ${verb}`,
    fix: "give -f FILE, or -f - for standard input",
  });
}
