import { describe, expect, it } from "vitest";
import { search } from "./support/search.ts";

/** `npm run soak -- policy-packets` looks at many more. */
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];

describe("packets between nine pods, their node and others", () => {
  it("meet what the model says, whatever the policies are", () => {
    expect(search({ seeds: SEEDS, each: 3, way: "whole" })).toBeGreaterThan(5000);
  });

  it("and however the kernel came by them: by what changes from one set of policies to the next", () => {
    expect(search({ seeds: SEEDS, each: 1, way: "changes" })).toBeGreaterThan(2000);
  });

  it("and whatever the node's own endpoints are", () => {
    expect(search({ seeds: SEEDS, each: 3, way: "changes", hosts: true })).toBeGreaterThan(5000);
  });
});
