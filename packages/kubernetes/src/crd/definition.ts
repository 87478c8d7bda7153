import type { JsonValue } from "@ocicat/kit";
import type { OpenApi } from "./structural.ts";

/** A CustomResourceDefinition (apiextensions.k8s.io/v1) as it is sent to an API server. */
export interface Definition {
  readonly apiVersion: "apiextensions.k8s.io/v1";
  readonly kind: "CustomResourceDefinition";
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: JsonValue;
}

export interface PrinterColumn {
  readonly name: string;
  readonly type: "string" | "integer" | "number" | "boolean" | "date";
  readonly jsonPath: string;
  /** Above 0: shown by `kubectl get -o wide` only. */
  readonly priority?: number;
}

export interface DefinitionParts {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly shortNames?: readonly string[];
  readonly namespaced: boolean;
  readonly columns: readonly PrinterColumn[];
  readonly schema: OpenApi;
  readonly annotations?: Readonly<Record<string, string>>;
  /** The status is written by itself, and a write of the rest leaves it as it is. */
  readonly hasStatus?: boolean;
}

/** One version, served and stored. */
export function defineResource(parts: DefinitionParts): Definition {
  const { group, version, kind, plural, namespaced, annotations, shortNames = [] } = parts;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}`, ...(annotations === undefined ? {} : { annotations }) },
    spec: {
      group,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        ...(shortNames.length === 0 ? {} : { shortNames }),
      },
      scope: namespaced ? "Namespaced" : "Cluster",
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: parts.schema },
          additionalPrinterColumns: [...parts.columns, AGE].map((column) => ({ ...column })),
          ...(parts.hasStatus === true ? { subresources: { status: {} } } : {}),
        },
      ],
    },
  };
}

const AGE: PrinterColumn = { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" };

/** What stands around spec and status in every kind; Kubernetes looks after these itself. */
export function resourceSchema(
  description: string,
  properties: Readonly<Record<string, OpenApi>>,
  required: readonly string[] = [],
): OpenApi {
  return {
    description,
    type: "object",
    ...(required.length === 0 ? {} : { required }),
    properties: {
      apiVersion: { type: "string", description: "The group and version of the schema." },
      kind: { type: "string", description: "Which kind of resource it is." },
      metadata: { type: "object" },
      ...properties,
    },
  };
}
