import { join } from "node:path";
import { systemClock } from "@ocicat/datastore/etcd";
import { type Endpoint, type ServerOptions, startServer } from "@ocicat/datastore/server";
import { type Scope, silentLogger } from "@ocicat/kit";
import { TestClient } from "./client.ts";
import { temporaryDirectory } from "./processes.ts";

export interface TestServer {
  readonly directory: string;
  readonly endpoint: Endpoint;
  readonly dataFile: string;
  /** Connected to it. */
  readonly client: TestClient;
  close(): Promise<void>;
}

/** A server in this process, on a Unix socket unless told otherwise, with a client; both go with the scope. */
export async function startTestServer(scope: Scope, options: Partial<ServerOptions> = {}): Promise<TestServer> {
  const directory = temporaryDirectory(scope);
  const dataFile = join(directory, "data");
  const server = await startServer({
    listen: [{ path: join(directory, "socket") }],
    dataFile,
    clock: systemClock,
    logger: silentLogger,
    ...options,
  });
  scope.add("server", () => server.close());
  const [endpoint] = server.endpoints;
  if (endpoint === undefined) throw new Error("the server listens nowhere");
  const client = new TestClient(endpoint);
  scope.add("client", () => client.close());
  return { directory, endpoint, dataFile, client, close: () => server.close() };
}
