import { join } from "node:path";
import { datastoreComplianceTests } from "@ocicat/datastore/compliance";
import { openEtcd, systemClock } from "@ocicat/datastore/etcd";
import { type Endpoint, startServer } from "@ocicat/datastore/server";
import { Scope, silentLogger } from "@ocicat/kit";
import { afterAll, beforeAll } from "vitest";
import { temporaryDirectory } from "./support/processes.ts";

/** The suite that memory and a real etcd pass, through the same client as the latter. */
const scope = new Scope("compliance of the embedded server");
let endpoint: Endpoint | undefined;

beforeAll(async () => {
  const directory = temporaryDirectory(scope);
  const server = await startServer({
    listen: [{ host: "127.0.0.1", port: 0 }],
    dataFile: join(directory, "data"),
    clock: systemClock,
    logger: silentLogger,
  });
  scope.add("server", () => server.close());
  endpoint = server.endpoints[0];
});
afterAll(() => scope.close());

datastoreComplianceTests("embedded server", async () => {
  if (endpoint === undefined || "path" in endpoint) throw new Error("the server has no port");
  const store = openEtcd({ endpoints: [`http://${endpoint.host}:${endpoint.port}`] });
  return { store, compact: (revision) => store.compact(revision), close: () => store.close() };
});
