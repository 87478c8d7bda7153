import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * A directory as an image in a docker-archive, which `ctr images import`, `podman load` and `docker load` take:
 *
 *     manifest.json        [{ Config, RepoTags, Layers }]
 *     <digest>.json        architecture, what is run, digests of layers
 *     layer.tar            the directory
 *
 * The same directory gives the same bytes: owners and times are left out.
 */
export function writeArchive(root: string, archive: string, tag: string, architecture: string): void {
  const work = `${archive}.parts`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work);
  try {
    tar(root, join(work, "layer.tar"), ["."]);
    const layer = sha256(readFileSync(join(work, "layer.tar")));
    const config = JSON.stringify({
      architecture,
      os: "linux",
      config: {
        Entrypoint: ["/usr/local/bin/ocicat"],
        Env: ["PATH=/usr/local/bin:/usr/bin"],
        WorkingDir: "/",
      },
      rootfs: { type: "layers", diff_ids: [`sha256:${layer}`] },
      history: [{ created_by: "tools/image.ts" }],
    });
    const configName = `${sha256(Buffer.from(config))}.json`;
    writeFileSync(join(work, configName), config);
    writeFileSync(
      join(work, "manifest.json"),
      JSON.stringify([{ Config: configName, RepoTags: [tag], Layers: ["layer.tar"] }]),
    );
    tar(work, `${archive}.new`, ["manifest.json", configName, "layer.tar"]);
    renameSync(`${archive}.new`, archive);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function tar(directory: string, file: string, members: readonly string[]): void {
  const same = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"];
  execFileSync("tar", ["-C", directory, ...same, "-cf", file, ...members]);
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
