import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";

/** Every command of the operators' page, in its order, in one shell that ends at the first one that fails. */
const PAGE = fileURLToPath(new URL("../../../docs/datastore.md", import.meta.url));
const COMMAND = fileURLToPath(new URL("../bin/ocicat.js", import.meta.url));
const BUILT = fileURLToPath(new URL("../dist/main.js", import.meta.url));

let directory: string;
beforeAll(() => {
  if (!existsSync(BUILT)) throw new Error("the command is not built; run: npm run build");
  directory = mkdtempSync(join(tmpdir(), "oct-doc-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** A service goes to the background, and the next command waits until it serves. `systemctl stop` ends the one on a port. */
const SURROUNDINGS = `
set -eu
services=
trap 'kill $services 2>/dev/null || true' EXIT
serve() {
  log=$(mktemp)
  ocicat datastore serve "$@" > "$log" &
  services="$services $!"
  for _ in $(seq 100); do grep -q '"serving"' "$log" && return; sleep 0.1; done
  return 1
}
systemctl() {
  first=$(echo $services | cut -d' ' -f1)
  kill -TERM "$first"
  wait "$first"
}
`;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

it("the commands of docs/datastore.md do what it says", async () => {
  const page = readFileSync(PAGE, "utf8");
  const commands = [...page.matchAll(/^ {4}(.+)$/gm)].map((match) => match[1] ?? "");
  expect(commands.length).toBeGreaterThan(40);
  const lines = commands.map((command) => `echo '$' ${JSON.stringify(command.replace(/[$`"\\]/g, ""))}\n${command}`);
  const [plain, secure] = [await freePort(), await freePort()];
  const script = lines
    .join("\n")
    .replaceAll("2379", `${plain}`)
    .replaceAll("2389", `${secure}`)
    .replaceAll("/var/lib/ocicat", join(directory, "lib"))
    .replaceAll(/^ocicat datastore serve/gm, "serve");

  mkdirSync(join(directory, "bin"));
  mkdirSync(join(directory, "work"));
  symlinkSync(COMMAND, join(directory, "bin", "ocicat"));
  for (const user of ["root", "ocicat"]) writeFileSync(join(directory, "work", `${user}.password`), `${user}-word\n`);
  const shell = spawn("sh", ["-c", `${SURROUNDINGS}\n${script}`], {
    cwd: join(directory, "work"),
    env: { PATH: `${join(directory, "bin")}:${process.env["PATH"]}`, HOME: directory },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [told, complaints, [code]] = await Promise.all([text(shell.stdout), text(shell.stderr), once(shell, "close")]);
  expect(code, `${told}\n${complaints}`).toBe(0);

  for (const fact of [
    /\$ etcdctl put \/try it\nOK\n/,
    /\$ etcdctl auth enable\nAuthentication Enabled\n/,
    /\$ etcdctl get \/try\n\/try\nit\n/,
    /Role calico\nKV Read:\n\t\[\/calico\/, \/calico0\) \(prefix \/calico\/\)/,
    /Saved 1 keys of revision \d+ to calico\.backup\n/,
    /Saved 0 keys of revision \d+ to only-calico\.backup\n/,
    /Restored 1 keys of revision \d+, taken [^:]+:[^:]+:[^:]+: 0 created, 1 changed, 0 deleted, 0 as they were\n/,
    /Finished defragmenting etcd member/,
    /: 1 created, 0 changed, 0 deleted, 0 as they were\n\$ etcdctl get \/try\n\/try\nit\n$/,
  ]) {
    expect(told).toMatch(fact);
  }
  expect(complaints.match(/is healthy: successfully committed proposal/g)).toHaveLength(2);
}, 60_000);
