export interface ExplainOptions {
  readonly output: string;
  readonly recursive?: boolean;
}

export const EXPLAIN_FORMATS = ["text", "markdown", "json-schema"] as const;
