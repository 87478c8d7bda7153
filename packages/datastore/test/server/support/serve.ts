/** A server in a process of its own: `node serve.ts DATA_FILE ADDRESS…`. Prints its endpoints as JSON when it listens. */

import { systemClock } from "@ocicat/datastore/etcd";
import { type ListenAddress, startServer } from "@ocicat/datastore/server";
import { createLogger } from "@ocicat/kit";

const [dataFile = "", ...addresses] = process.argv.slice(2);
const listen = addresses.map((address): ListenAddress => {
  return address.startsWith("/") ? { path: address } : { host: "127.0.0.1", port: Number(address) };
});
const logger = createLogger("server", "warning", (record) => console.error(JSON.stringify(record)));
const server = await startServer({ listen, dataFile, clock: systemClock, logger });
process.on("SIGTERM", () => void server.close());
console.log(JSON.stringify(server.endpoints));
