import type { Diagnosis } from "@ocicat/doctor";
import { json, type Routes } from "@ocicat/service";

/** What is wrong with this node, as `ocicat doctor` prints it. Takes as long as its probes: a second or two. */
export function doctorRoutes(examine: () => Promise<Diagnosis>): Routes {
  let running: Promise<Diagnosis> | undefined;
  return {
    // Two who ask at once get one examination: probes of two would be taken for each other's.
    "/doctor": async () => {
      running ??= examine().finally(() => {
        running = undefined;
      });
      return json(await running);
    },
  };
}
