import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@ocicat/datastore/etcd";
import { startServer } from "@ocicat/datastore/server";
import { silentLogger } from "@ocicat/kit";
import { startEtcd } from "../../../datastore/test/support/etcd.ts";

export interface TestDatastore {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** Both kinds of datastore, each a real one on loopback or a socket of its own. */
export const DATASTORES: readonly (readonly [name: string, start: () => Promise<TestDatastore>])[] = [
  ["etcd", () => startEtcd()],
  ["the embedded server", startEmbedded],
];

async function startEmbedded(): Promise<TestDatastore> {
  const dir = mkdtempSync(join(tmpdir(), "oct-controllers-"));
  const socket = join(dir, "sock");
  const server = await startServer({
    listen: [{ path: socket }],
    dataFile: join(dir, "d.db"),
    clock: systemClock,
    logger: silentLogger,
  });
  return {
    endpoint: `unix://${socket}`,
    async stop() {
      await server.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
