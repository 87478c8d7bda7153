import { execFileSync } from "node:child_process";
import { readFileSync, rmdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { OcicatError } from "@ocicat/kit";
import { upstreamTestImage } from "./images/catalogue.ts";
import type { ImageDefinition } from "./images/image-store.ts";
import type { KubernetesLab } from "./kubernetes-lab.ts";
import { editManifest, type ManifestEdits } from "./manifest.ts";

const CHECKOUT = fileURLToPath(new URL("../../../..", import.meta.url));

/** What the project itself is installed by. */
export function projectManifest(): string {
  return readFileSync(`${CHECKOUT}deploy/ocicat.yaml`, "utf8");
}

/** Puts the project's image, made of this checkout, where nodes pull from. */
export function publishProjectImage(lab: KubernetesLab): void {
  lab.images.add(projectImage());
}

/** Puts what Kubernetes' own tests expect there, before any pod runs agnhost. */
export function publishUpstreamTestImage(lab: KubernetesLab): void {
  lab.images.add(upstreamTestImage(lab.programs));
}

/** Installs the network as its users do: the manifest, edited, is applied. */
export async function applyManifest(lab: KubernetesLab, edits: ManifestEdits = {}): Promise<void> {
  await lab.kubectl(["apply", "-f", "-"], editManifest(projectManifest(), edits));
}

/** Waits until all nodes are Ready. Throws OcicatError LAB_KUBECTL. */
export async function waitForReadyNodes(lab: KubernetesLab, seconds = 120): Promise<void> {
  await lab.kubectl(["wait", "--for=condition=Ready", "nodes", "--all", `--timeout=${seconds}s`]);
}

function projectImage(): ImageDefinition {
  return {
    names: ["ocicat/ocicat:v0.1.0"],
    layers: [
      (root) => {
        // It makes the directory itself.
        rmdirSync(root);
        const args = ["--conditions=source", `${CHECKOUT}tools/image.ts`, "tree", root];
        try {
          execFileSync(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
        } catch (cause) {
          throw new OcicatError({
            code: "LAB_IMAGE",
            what: "the project's image could not be made of this checkout",
            why: cause instanceof Error ? cause.message : String(cause),
            cause,
          });
        }
      },
    ],
    config: { Entrypoint: ["/usr/local/bin/ocicat"], Env: ["PATH=/usr/local/bin:/usr/bin"], WorkingDir: "/" },
  };
}
