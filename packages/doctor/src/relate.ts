import type { Diagnosis } from "./diagnose.ts";

/** What several nodes' findings say together. */
export function relate(diagnoses: readonly Diagnosis[]): readonly Diagnosis[] {
  return diagnoses;
}
