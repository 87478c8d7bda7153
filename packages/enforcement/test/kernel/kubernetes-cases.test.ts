import { describe, expect, it } from "vitest";
import { KUBERNETES_CASES, wrongInKernel } from "./support/kubernetes-cases.ts";

describe("Kubernetes' policies, case by case, between nine pods of one kernel", () => {
  /** `npm run soak -- policy-packets` tries all. */
  it("open and close what an evaluator of Kubernetes' own rules says", { timeout: 60_000 }, () => {
    const some = KUBERNETES_CASES.filter((_, index) => index % 5 === 2);
    expect(some.length).toBeGreaterThan(50);
    expect(wrongInKernel(some)).toEqual([]);
  });
});
