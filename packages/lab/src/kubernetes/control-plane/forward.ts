import { once } from "node:events";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { OcicatError } from "@ocicat/kit";
import { openNamespace, spawnIn } from "@ocicat/linux";
import { ProcessBook } from "../../process/book.ts";
import { identify } from "../../process/identity.ts";
import { markOf } from "../../process/mark.ts";
import { writeWhole } from "../../world/files.ts";
import type { LabPlaces } from "../../world/places.ts";

const NAME = "forwarder";
const SCRIPT = join(import.meta.dirname, "../../../dist/kubernetes/control-plane/serve-forward.js");

/**
 * Lets this machine reach a lab's API server at a port of its loopback: the only thing of a lab that is outside of it, and
 * nothing that a packet could leave the machine by. The same port as before, if there was one. Resolves to the port.
 */
export async function startForwarder(
  places: LabPlaces,
  host: string,
  target: { readonly host: string; readonly port: number },
): Promise<number> {
  const server = createServer();
  server.listen(forwardedPort(places), "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const log = openSync(places.log(NAME), "a", 0o600);
  try {
    using net = openNamespace(places.netns(host));
    const child = spawnIn({ net }, process.execPath, [SCRIPT, target.host, String(target.port)], {
      detached: true,
      stdio: ["ignore", log, log, "ipc"],
      env: { PATH: process.env["PATH"], ...markOf(places) },
    });
    const started = child.pid === undefined ? undefined : identify(NAME, child.pid);
    if (started === undefined) throw new OcicatError({ code: "LAB_PROCESS", what: `${NAME} could not be started` });
    new ProcessBook(places).set(started);
    child.send("socket", server);
    await Promise.race([once(child, "message"), once(child, "exit")]);
    child.unref();
  } finally {
    server.close();
    closeSync(log);
  }
  writeWhole(portFile(places), String(port));
  return port;
}

/** 0 if there was none yet: any. */
export function forwardedPort(places: LabPlaces): number {
  return existsSync(portFile(places)) ? Number(readFileSync(portFile(places), "utf8")) : 0;
}

function portFile(places: LabPlaces): string {
  return join(places.run, "api-port");
}
