import type { Connection, ConnectionName, ConnectionQuery } from "../kernel/connection.ts";
import { checkConnectionQuery, isPickedBy, objectionToConnection } from "../kernel/connection-query.ts";
import type { KernelOutcome } from "../kernel/kernel.ts";
import { connectionFrom, encodeDeleteConnection, encodeGetConnections } from "../nfnetlink/conntrack.ts";
import { type RequestKind, sendRequests } from "../socket/batch.ts";
import type { BuildRequest, Exchange } from "../socket/exchange.ts";

const DELETION: RequestKind<ConnectionName> = {
  doing: "deleting connections",
  objection: objectionToConnection,
  encode: encodeDeleteConnection,
};

/** One at a time, as the datagrams of the dump come: the table may be larger than what should be held. */
export function eachConnection(
  exchange: Exchange,
  query: ConnectionQuery,
  each: (connection: Connection) => void,
): void {
  checkConnectionQuery(query);
  const build: BuildRequest = (out, flags, sequence) => encodeGetConnections(out, flags, sequence, query);
  exchange.dump("listing connections", build, ({ payload }) => {
    const connection = connectionFrom(payload);
    if (connection !== undefined && isPickedBy(query, connection)) each(connection);
    return undefined;
  });
}

export function deleteConnections(exchange: Exchange, names: readonly ConnectionName[]): KernelOutcome[] {
  return sendRequests(exchange, names, DELETION);
}
