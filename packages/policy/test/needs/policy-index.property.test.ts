import fc from "fast-check";
import { describe, it } from "vitest";
import { INDEX_PROPERTIES } from "../support/index-properties.ts";

/** A short run; `npm run soak -- policy-index` is the long one. */
const RUNS = 300;

describe("a policy index", () => {
  it.each(Object.entries(INDEX_PROPERTIES))("%s", (_name, property) => {
    fc.assert<unknown[]>(property, { numRuns: RUNS });
  });
});
