import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { LabPlaces } from "../../src/world/places.ts";

/** Places of a lab below a directory that goes with the test. */
export function temporaryPlaces(lab = "test"): LabPlaces {
  const root = mkdtempSync(join(tmpdir(), "oct-lab-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  return new LabPlaces(lab, { run: join(root, "run"), disk: join(root, "disk") });
}
