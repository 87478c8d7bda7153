import { join } from "node:path";
import { systemClock } from "@ocicat/datastore/etcd";
import { type ServerOptions, startServer } from "@ocicat/datastore/server";
import { type Scope, silentLogger } from "@ocicat/kit";
import { TestClient } from "./client.ts";
import { temporaryDirectory } from "./processes.ts";

export interface TestServer {
  readonly directory: string;
  readonly socket: string;
  readonly dataFile: string;
  /** Connected to it. */
  readonly client: TestClient;
  close(): Promise<void>;
}

/** A server in this process, on a Unix socket, with a client; both go with the scope. */
export async function startTestServer(scope: Scope, options: Partial<ServerOptions> = {}): Promise<TestServer> {
  const directory = temporaryDirectory(scope);
  const socket = join(directory, "socket");
  const dataFile = join(directory, "data");
  const server = await startServer({
    listen: [{ path: socket }],
    dataFile,
    clock: systemClock,
    logger: silentLogger,
    ...options,
  });
  scope.add("server", () => server.close());
  const client = new TestClient({ path: socket });
  scope.add("client", () => client.close());
  return { directory, socket, dataFile, client, close: () => server.close() };
}
