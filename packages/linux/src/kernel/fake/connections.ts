import { familyOf } from "@ocicat/net";
import type { ConnectionName, ConnectionTuple } from "../connection.ts";
import type { FakeNamespace } from "./namespace.ts";
import { refuse } from "./refusal.ts";

export function deleteConnection(namespace: FakeNamespace, name: ConnectionName): void {
  const present = namespace.connections.find(
    (each) =>
      keyOf(each.original) === keyOf(name.original) &&
      each.zone === name.zone &&
      (name.id === undefined || each.id === name.id),
  );
  if (present === undefined) refuse("ENOENT");
  namespace.connections = namespace.connections.filter((each) => each !== present);
}

function keyOf({ source, destination, protocol, sourcePort, destinationPort, icmp }: ConnectionTuple): string {
  const end = icmp === undefined ? [sourcePort, destinationPort] : [icmp.id, icmp.type, icmp.code];
  return [familyOf(source), source, destination, protocol, ...end].join(" ");
}
