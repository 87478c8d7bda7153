/**
 * The container image without a registry, made of this checkout, which has to be built:
 *
 *     node --conditions=source tools/image.ts tree DIRECTORY      its content; deploy/Containerfile copies it
 *     node --conditions=source tools/image.ts archive FILE        an archive, for ctr -n k8s.io images import FILE
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
// The command in few files, if it is not current.
import "./bundle.ts";
import { writeArchive } from "./image/archive.ts";
import { makeTree } from "./image/tree.ts";

/** As the manifest names it. */
const TAG = "docker.io/ocicat/ocicat:v0.1.0";

/** Go's names of processors, which images go by. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

const [form, target] = process.argv.slice(2);

if (target === undefined || (form !== "tree" && form !== "archive")) {
  process.stderr.write("usage: image.ts tree DIRECTORY | archive FILE\n");
  process.exitCode = 1;
} else if (form === "tree") {
  await makeTree(resolve(target));
} else {
  const work = mkdtempSync(join(tmpdir(), "ocicat-image-"));
  try {
    await makeTree(join(work, "root"));
    writeArchive(join(work, "root"), resolve(target), TAG, ARCHITECTURES[process.arch] ?? process.arch);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
