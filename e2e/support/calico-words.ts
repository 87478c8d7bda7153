import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { OCICAT, type TestLab } from "./lab.ts";

/** Types a shell line as the walk-throughs print it, with `calicoctl` in the path and the lab's datastore; what it printed. */
export function typed(lab: TestLab, ...lines: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), `${lab.name}-typed-`));
  try {
    mkdirSync(join(folder, "bin"));
    symlinkSync(OCICAT, join(folder, "bin", "calicoctl"));
    const result = spawnSync("sh", ["-e", "-c", lines.join("\n")], {
      cwd: folder,
      encoding: "utf8",
      env: {
        ...process.env,
        PATH: [join(folder, "bin"), dirname(process.execPath), process.env["PATH"]].join(":"),
        ETCD_ENDPOINTS: `unix:///proc/${lab.pid("datastore")}/root/run/ocicat/datastore.sock`,
      },
    });
    if (result.status !== 0) throw new Error(`${lines.join("; ")}: exit ${result.status}\n${result.stderr}`);
    return result.stdout;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
