#!/usr/bin/env node
// The command's entry. The project brings its own Node: an older one of the machine only hands over to it.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import { BUNDLE, bundleIsCurrent } from "./bundle.js";

const NEEDED = 24;
const built = bundleIsCurrent() ? BUNDLE : new URL("../dist/main.js", import.meta.url);
const own = fileURLToPath(new URL("../../../node_modules/node/bin/node", import.meta.url));

if (!existsSync(built)) {
  refuse("this checkout is not built");
} else if (Number.parseInt(process.versions.node, 10) >= NEEDED) {
  const { main } = await import(built.href);
  await main(process.argv);
} else if (existsSync(own)) {
  handOver();
} else {
  refuse(`Node ${process.versions.node} is too old, ${NEEDED} is needed, and the project's own is not installed`);
}

function refuse(why) {
  process.stderr.write(`ocicat: ${why}; run: npm run setup\n`);
  process.exitCode = 1;
}

/** Runs the same line with the project's Node, and ends as that ends: with its exit code, or as a shell tells its signal. */
function handOver() {
  const child = spawn(own, process.argv.slice(1), { stdio: "inherit" });
  // A service is stopped by a signal to this process.
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => refuse(`${own} cannot be run: ${error.message}`));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}
