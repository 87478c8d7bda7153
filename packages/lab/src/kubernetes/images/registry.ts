import { createReadStream, statSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ImageStore } from "./image-store.ts";

/**
 * The part of the registry protocol (OCI distribution specification, "pull") that container runtimes need, over HTTP, for
 * whatever registry an image's name says:
 *
 *     GET /v2/                                    is this a registry
 *     GET /v2/<name>/manifests/<tag or digest>    HEAD as well
 *     GET /v2/<name>/blobs/<digest>
 */
export function serveRegistry(store: ImageStore, port: number): void {
  // Not imported: an import loads its WebSocket too, 13 MiB of a process that stays.
  const { createServer } = process.getBuiltinModule("node:http");
  createServer((request, response) => answer(store, request, response)).listen(port);
}

const PATH = /^\/v2\/(?<name>.+)\/(?<what>manifests|blobs)\/(?<reference>[^/]+)$/;

function answer(store: ImageStore, request: IncomingMessage, response: ServerResponse): void {
  const { pathname } = new URL(request.url ?? "/", "http://registry");
  const { name = "", what, reference = "" } = PATH.exec(pathname)?.groups ?? {};
  const manifest = what === "manifests" ? store.manifest(name, reference) : undefined;
  const file = what === "blobs" ? store.blob(reference) : undefined;
  if (pathname === "/v2/") {
    response.writeHead(200).end("{}");
  } else if (manifest !== undefined) {
    response.writeHead(200, {
      "content-type": "application/vnd.oci.image.manifest.v1+json",
      "content-length": manifest.text.length,
      "docker-content-digest": manifest.digest,
    });
    response.end(request.method === "HEAD" ? undefined : manifest.text);
  } else if (file !== undefined) {
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": statSync(file).size });
    if (request.method === "HEAD") response.end();
    else createReadStream(file).pipe(response);
  } else {
    const code = what === "blobs" ? "BLOB_UNKNOWN" : "MANIFEST_UNKNOWN";
    response.writeHead(404, { "content-type": "application/json" });
    response.end(JSON.stringify({ errors: [{ code, message: "there is no such image in this lab" }] }));
  }
}
