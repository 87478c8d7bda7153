import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { systemClock } from "@ocicat/datastore/etcd";
import { type ListenAddress, type ServerError, type ServerTls, startServer } from "@ocicat/datastore/server";
import { createLogger, stringifyJson } from "@ocicat/kit";

export interface DatastoreService {
  readonly listen: readonly ListenAddress[];
  readonly dataFile: string;
  readonly quotaBytes: number;
  readonly tls: ServerTls | undefined;
}

/** Runs the embedded datastore until SIGTERM or SIGINT. Rejects if it cannot start, or if its disk fails. */
export async function runDatastore(service: DatastoreService): Promise<void> {
  const { dataFile } = service;
  mkdirSync(dirname(dataFile), { recursive: true, mode: 0o700 });
  const logger = createLogger("datastore", "info", ({ level, component, message, fields }) => {
    process.stdout.write(
      `${stringifyJson({ time: new Date().toISOString(), level, component, message, ...fields })}\n`,
    );
  });
  const end = Promise.withResolvers<void>();
  // Before it serves: whoever reads that it does may end it at once.
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => end.resolve());
  const onFailure = (error: ServerError) => end.reject(error);
  const server = await startServer({ ...service, clock: systemClock, logger, onFailure });
  logger.info("serving", { endpoints: server.endpoints, dataFile });
  try {
    await end.promise;
  } finally {
    await server.close();
  }
}
