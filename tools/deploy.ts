/** `npm run manifests`: the definitions in the chart, and the manifests that are made of the chart. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { CHART } from "./deploy/chart.ts";
import { DEFINITION_TEMPLATES } from "./deploy/definitions.ts";
import { MANIFEST_NAMES, makeManifest } from "./deploy/manifest.ts";

for (const [file, make] of Object.entries(DEFINITION_TEMPLATES)) writeFileSync(join(CHART, "templates", file), make());
for (const name of MANIFEST_NAMES) writeFileSync(join(CHART, "..", name), makeManifest(name));
