import { copyFileSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { type EtcdDatastore, openEtcd, systemClock, type TlsFiles } from "@ocicat/datastore/etcd";
import { type ServerOptions, type ServerTls, startServer } from "@ocicat/datastore/server";
import { createLogger, Scope, silentLogger } from "@ocicat/kit";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Certificates, makeCertificates } from "../support/certificates.ts";
import { etcdctl } from "../support/etcdctl.ts";
import { failsWith } from "../support/expect.ts";
import { temporaryDirectory } from "./support/processes.ts";

/** Who may connect, and what of the server's files. Peers: our client and Debian's etcdctl. */
const files = new Scope("certificates");
let ours: Certificates;
let theirs: Certificates;
let scope: Scope;

beforeAll(async () => {
  const directory = temporaryDirectory(files);
  const authority = async (name: string) => {
    const place = join(directory, name);
    await mkdir(place);
    return makeCertificates(place);
  };
  [ours, theirs] = await Promise.all([authority("ours"), authority("theirs")]);
});
afterAll(() => files.close());
beforeEach(() => {
  scope = new Scope("tls");
});
afterEach(() => scope.close());

const served = (): ServerTls => ({ certFile: ours.serverCert, keyFile: ours.serverKey });
const demanding = (): ServerTls => ({ ...served(), clientCaFile: ours.caFile });
const shown = ({ clientCert, clientKey }: Certificates): TlsFiles => ({ certFile: clientCert, keyFile: clientKey });

async function start(tls: ServerTls, options: Partial<ServerOptions> = {}): Promise<string> {
  const server = await startServer({
    listen: [{ host: "127.0.0.1", port: 0, tls: true }],
    dataFile: join(temporaryDirectory(scope), "data"),
    clock: systemClock,
    logger: silentLogger,
    tls,
    ...options,
  });
  scope.add("server", () => server.close());
  const [endpoint] = server.endpoints;
  if (endpoint === undefined || !("port" in endpoint)) throw new Error("the server listens nowhere");
  return `https://127.0.0.1:${endpoint.port}`;
}

function open(endpoint: string, tls: TlsFiles): EtcdDatastore {
  const store = openEtcd({ endpoints: [endpoint], tls, timeoutMs: 800 });
  scope.add("client", () => store.close());
  return store;
}

describe("a server with a certificate", () => {
  it("serves clients that know its authority, and no others", async () => {
    const endpoint = await start(served());
    const store = open(endpoint, { caFile: ours.caFile });
    const { modRevision } = await store.put("/a", "1");
    const watch = store.watch("/", { from: modRevision });
    expect((await watch[Symbol.asyncIterator]().next()).value).toMatchObject({ revision: modRevision });
    expect(await etcdctl(endpoint, "--cacert", ours.caFile, "get", "/a")).toBe("/a\n1\n");
    expect(await etcdctl(endpoint, "--cacert", ours.caFile, "member", "list")).toContain(`, ${endpoint}, false`);

    for (const tls of [{}, { caFile: theirs.caFile }]) {
      expect((await failsWith(open(endpoint, tls).get("/a"), "UNAVAILABLE")).message).toMatch(/certificate/);
    }
    const plain = open(endpoint.replace("https", "http"), {});
    await failsWith(plain.get("/a"), "UNAVAILABLE");
    expect(await store.get("/a")).toMatchObject({ value: "1" });
  });

  it("and with an authority for its clients serves those that show its certificate, and no others", async () => {
    const log: string[] = [];
    const logger = createLogger("", "info", ({ message }) => log.push(message));
    const endpoint = await start(demanding(), { logger });
    const { caFile } = ours;
    expect(await open(endpoint, { caFile, ...shown(ours) }).put("/a", "1")).toMatchObject({ version: 1n });
    const pair = ["--cert", ours.clientCert, "--key", ours.clientKey];
    expect(await etcdctl(endpoint, "--cacert", caFile, ...pair, "get", "/a")).toBe("/a\n1\n");
    for (const tls of [{ caFile }, { caFile, ...shown(theirs) }]) {
      await failsWith(open(endpoint, tls).get("/a"), "UNAVAILABLE");
    }
    expect(log).toContain("a TLS handshake failed");
  });

  it("takes up a renewed one without a restart, and keeps the old one if the new one cannot serve", async () => {
    const directory = temporaryDirectory(scope);
    const place = { certFile: join(directory, "crt"), keyFile: join(directory, "key") };
    const put = (from: Certificates) => {
      copyFileSync(from.serverCert, place.certFile);
      copyFileSync(from.serverKey, place.keyFile);
    };
    put(ours);
    const log: string[] = [];
    const logger = createLogger("", "info", ({ message }) => log.push(message));
    const endpoint = await start(place, { logger });
    const running = open(endpoint, { caFile: ours.caFile });
    await running.put("/a", "1");

    put(theirs);
    expect(await open(endpoint, { caFile: theirs.caFile }).get("/a")).toMatchObject({ value: "1" });
    await failsWith(open(endpoint, { caFile: ours.caFile }).get("/a"), "UNAVAILABLE");
    expect(await running.get("/a")).toMatchObject({ value: "1" });

    copyFileSync(ours.serverKey, place.keyFile);
    expect(await open(endpoint, { caFile: theirs.caFile }).get("/a")).toMatchObject({ value: "1" });
    expect(log).toContain("the TLS files have changed and cannot be used; going on with what they were");
  });

  it("closes in time though a client has begun a handshake and says no more", async () => {
    const endpoint = await start(served());
    const silent = connect(Number(new URL(endpoint).port), "127.0.0.1");
    silent.on("error", () => {});
    await new Promise((resolve) => silent.once("connect", resolve));
    const closed = new Promise((resolve) => silent.once("close", resolve));
    await scope.close();
    await closed;
  });
});

describe("files that cannot serve", () => {
  it.each<[string, () => ServerTls, RegExp]>([
    ["one that is not there", () => ({ ...served(), certFile: "/nowhere.crt" }), /nowhere\.crt: cannot be read.*PEM/],
    ["a key in the certificate's place", () => ({ ...served(), certFile: ours.serverKey }), /holds no certificate/],
    ["a certificate in the key's place", () => ({ ...served(), keyFile: ours.serverCert }), /holds no private key/],
    ["another certificate's key", () => ({ ...served(), keyFile: theirs.serverKey }), /key.*mismatch.*belongs/i],
    [
      "an authority file without one",
      () => {
        const clientCaFile = join(temporaryDirectory(scope), "ca");
        writeFileSync(clientCaFile, "");
        return { ...served(), clientCaFile };
      },
      /ca: holds no certificate/,
    ],
  ])("are told by name: %s", async (_what, tls, message) => {
    const refusal = await start(tls()).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: "TLS_UNUSABLE", message: expect.stringMatching(message) });
  });

  it("are missed where TLS is asked for without any", async () => {
    const listen = [{ host: "127.0.0.1", port: 0, tls: true }];
    const options = { listen, dataFile: join(temporaryDirectory(scope), "data"), clock: systemClock };
    const refusal = startServer({ ...options, logger: silentLogger });
    await expect(refusal).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });
});
