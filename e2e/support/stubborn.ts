import { isOcicatError, type OcicatError } from "@ocicat/kit";
import type { PodRecord } from "@ocicat/lab";
import { eventually, type TestLab } from "./lab.ts";

/** What a kubelet does while the network is not well: it tries again, and cleans up what could not be undone before. */
export async function runAsKubelet(lab: TestLab, name: string, node: string, ms = 30_000): Promise<PodRecord> {
  const outcome = await eventually(
    () => attempt(lab, name, node),
    (result) => "pod" in result,
    ms,
  );
  if ("pod" in outcome) return outcome.pod;
  throw outcome.failure;
}

async function attempt(
  lab: TestLab,
  name: string,
  node: string,
): Promise<{ readonly pod: PodRecord } | { readonly failure: OcicatError }> {
  try {
    if (lab.lab.pods().find(name) !== undefined) await lab.lab.pods().remove(name);
    return { pod: await lab.lab.run(name, "default", node) };
  } catch (failure) {
    if (isOcicatError(failure)) return { failure };
    throw failure;
  }
}
