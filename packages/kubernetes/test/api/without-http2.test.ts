import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type TlsOptions } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Certificates, makeCertificates } from "../../../datastore/test/support/certificates.ts";
import { ApiClient, type Target } from "../../src/index.ts";

const NODES = { group: "", version: "v1", plural: "nodes", namespaced: false } as const;

let directory: string;
let certificates: Certificates;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "oct-http1-"));
  certificates = await makeCertificates(directory);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function targetAt(port: number): Target {
  return {
    server: { scheme: "https", host: "127.0.0.1", port, prefix: "" },
    serverName: undefined,
    isInsecure: true,
    ca: undefined,
    certificate: undefined,
    token: undefined,
    source: "test",
  };
}

describe("a proxy before the API server that speaks no HTTP/2", () => {
  it.each<[string, TlsOptions]>([
    ["knows of no protocols", {}],
    ["offers HTTP/1.1 alone", { ALPNProtocols: ["http/1.1"] }],
  ])("and %s is told as what it is, with what would do", async (_, options) => {
    const [cert, key] = [readFileSync(certificates.serverCert), readFileSync(certificates.serverKey)];
    const server = createServer({ cert, key, ...options }, (socket) => socket.on("error", () => undefined));
    server.on("tlsClientError", () => undefined);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const api = new ApiClient({ target: targetAt(port), timeoutMs: 400 });
    try {
      await expect(api.list(NODES, {})).rejects.toMatchObject({
        code: "KUBERNETES_SILENT",
        message: expect.stringContaining("does not speak HTTP/2"),
        fix: expect.stringContaining("K8S_API_ENDPOINT"),
      });
    } finally {
      await api.close();
      await new Promise((resolve) => server.close(resolve));
    }
  });
});
