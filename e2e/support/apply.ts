import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestLab } from "./lab.ts";

/** A resource without what all of them have. */
export interface Wanted {
  readonly kind: string;
  readonly name: string;
  readonly spec: object;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Applies resources by the command, in one run. Throws what it says if it refuses one. */
export function applyTo(lab: TestLab, ...resources: readonly Wanted[]): void {
  const directory = mkdtempSync(join(tmpdir(), `${lab.name}-apply-`));
  try {
    const file = join(directory, "wanted.yaml");
    const documents = resources.map(({ kind, name, spec, annotations = {} }) =>
      JSON.stringify({ apiVersion: "projectcalico.org/v3", kind, metadata: { name, annotations }, spec }),
    );
    writeFileSync(file, documents.join("\n---\n"));
    const { code, stderr } = lab.ocicat("apply", "-f", file);
    if (code !== 0 || stderr !== "") throw new Error(`apply: exit ${code}: ${stderr}`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
