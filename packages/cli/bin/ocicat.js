#!/usr/bin/env node
// The command's entry. The project brings its own Node: an older one of the machine only hands over to it.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

const NEEDED = 24;

if (Number.parseInt(process.versions.node, 10) >= NEEDED) {
  const { main } = await import("../dist/main.js");
  await main(process.argv);
} else {
  handOver(fileURLToPath(new URL("../../../node_modules/node/bin/node", import.meta.url)));
}

/** Runs the same line with `node`, and ends as it ends: with its exit code, or by its signal. */
function handOver(node) {
  if (!existsSync(node)) {
    const versions = `Node ${process.versions.node} is too old, ${NEEDED} is needed, and the project's own is not installed`;
    process.stderr.write(`ocicat: ${versions}; run: npm run setup\n`);
    process.exit(1);
  }
  const child = spawn(node, process.argv.slice(1), { stdio: "inherit" });
  // A service is stopped by a signal to this process.
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}
