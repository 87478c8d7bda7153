/**
 * The command in few files: packages/cli/bundle, from what `tsc -b` has built. An agent of nine hundred modules takes three
 * times as long to load, and 24 MiB more. Does nothing where nothing was built since.
 */
import { existsSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { type Plugin, rolldown } from "rolldown";
import { bundleIsCurrent } from "../packages/cli/bin/bundle.js";

const root = join(import.meta.dirname, "..");
const out = join(root, "packages/cli/bundle");

/** A module that looks for a file beside itself is to find it where it was built, not where the bundle is. */
const ownPlaces: Plugin = {
  name: "own places",
  transform(code, id) {
    if (!id.startsWith(join(root, "packages")) || !code.includes("import.meta.url")) return null;
    const place = JSON.stringify(relative(out, id));
    return code.replaceAll("import.meta.url", `new URL(${place}, import.meta.url).href`);
  },
};

if (!bundleIsCurrent()) {
  rmSync(out, { recursive: true, force: true });
  const bundle = await rolldown({
    input: join(root, "packages/cli/dist/main.js"),
    platform: "node",
    // It finds its native part beside itself.
    external: ["koffi"],
    plugins: [ownPlaces],
  });
  await bundle.write({ dir: out, format: "esm", comments: false, entryFileNames: "main.js" });
  await bundle.close();
  if (!existsSync(join(out, "main.js"))) throw new Error(`${dirname(out)} holds no bundle after bundling`);
}
