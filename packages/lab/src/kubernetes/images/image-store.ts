import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

/** What an image is made of. */
export interface ImageDefinition {
  /** As the registry's path has them: "library/busybox:latest". */
  readonly names: readonly string[];
  /** Puts its files into an empty directory; one layer each, in order. */
  readonly layers: readonly ((root: string) => void)[];
  readonly config: {
    readonly Entrypoint?: readonly string[];
    readonly Cmd?: readonly string[];
    readonly Env?: readonly string[];
    readonly WorkingDir?: string;
  };
}

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const CONFIG = "application/vnd.oci.image.config.v1+json";
const LAYER = "application/vnd.oci.image.layer.v1.tar";

/**
 * Images in a directory, as the registry beside it serves them:
 *
 *     blobs/<sha256>     layers, configurations, manifests
 *     names.json         "library/busybox:latest" → the manifest's blob
 */
export class ImageStore {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(join(directory, "blobs"), { recursive: true });
  }

  add({ names, layers, config }: ImageDefinition): void {
    const blobs = layers.map((fill) => this.#layer(fill));
    const image = this.#text(CONFIG, {
      architecture: process.arch === "x64" ? "amd64" : process.arch,
      os: "linux",
      config,
      rootfs: { type: "layers", diff_ids: blobs.map((blob) => blob.digest) },
    });
    const manifest = this.#text(MANIFEST, { schemaVersion: 2, mediaType: MANIFEST, config: image, layers: blobs });
    const all = { ...this.#names(), ...Object.fromEntries(names.map((name) => [name, manifest.digest])) };
    writeFileSync(join(this.#directory, "names.json"), JSON.stringify(all));
  }

  /** The manifest's blob, by name and tag or by digest. */
  manifest(name: string, reference: string): { readonly digest: string; readonly text: Buffer } | undefined {
    const digest = reference.startsWith("sha256:") ? reference : this.#names()[`${name}:${reference}`];
    const file = digest === undefined ? undefined : this.blob(digest);
    return digest === undefined || file === undefined ? undefined : { digest, text: readFileSync(file) };
  }

  /** A blob's file. */
  blob(digest: string): string | undefined {
    if (!/^sha256:[0-9a-f]{64}$/.test(digest)) return undefined;
    const file = join(this.#directory, "blobs", digest.slice("sha256:".length));
    return existsSync(file) ? file : undefined;
  }

  #names(): Readonly<Record<string, string>> {
    const file = join(this.#directory, "names.json");
    if (!existsSync(file)) return {};
    const value: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (typeof value !== "object" || value === null) throw new Error(`${file} is not a list of names`);
    return Object.fromEntries(Object.entries(value).map(([name, digest]) => [name, String(digest)]));
  }

  #layer(fill: (root: string) => void) {
    const root = mkdtempSync(join(this.#directory, "layer-"));
    try {
      fill(root);
      const file = `${root}.tar`;
      execFileSync("tar", [
        "-C",
        root,
        "--sort=name",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
        "--mtime=@0",
        "-cf",
        file,
        ".",
      ]);
      return this.#keep(LAYER, file);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  }

  #text(mediaType: string, value: object) {
    const file = join(this.#directory, "text.new");
    writeFileSync(file, JSON.stringify(value));
    return this.#keep(mediaType, file);
  }

  #keep(mediaType: string, file: string) {
    const hex = sha256(file);
    const { size } = statSync(file);
    renameSync(file, join(this.#directory, "blobs", hex));
    return { mediaType, digest: `sha256:${hex}`, size };
  }
}

function sha256(file: string): string {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(1 << 20);
  const fd = openSync(file, "r");
  try {
    for (let read = readSync(fd, buffer); read > 0; read = readSync(fd, buffer)) hash.update(buffer.subarray(0, read));
  } finally {
    closeSync(fd);
  }
  return hash.digest("hex");
}
