import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@ocicat/datastore/etcd";
import { startServer } from "@ocicat/datastore/server";
import { silentLogger } from "@ocicat/kit";
import { startEtcd } from "../../../datastore/test/support/etcd.ts";

/** A datastore of a test's own, on a port that the kernel chose. */
export interface TestDatastore {
  readonly endpoint: string;
  stop(): Promise<void>;
}

export const DATASTORES: Readonly<Record<string, () => Promise<TestDatastore>>> = {
  "the embedded datastore": startEmbedded,
  etcd: startEtcd,
};

export async function startEmbedded(): Promise<TestDatastore> {
  const directory = await mkdtemp(join(tmpdir(), "oct-cli-"));
  const dataFile = join(directory, "data.db");
  const listen = [{ host: "127.0.0.1", port: 0 }];
  const server = await startServer({ listen, dataFile, clock: systemClock, logger: silentLogger });
  const [address] = server.endpoints;
  if (address === undefined || !("port" in address)) throw new Error("the server listens nowhere");
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    async stop() {
      await server.close();
      await rm(directory, { recursive: true });
    },
  };
}
