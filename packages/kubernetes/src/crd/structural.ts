import type { JsonValue } from "@ocicat/kit";

/** A structural schema: the part of OpenAPI v3 that the API server takes in a definition. */
export type OpenApi = { readonly [keyword: string]: JsonValue };
