import { type Address, familyOf } from "@ocicat/net";
import type { Connection, ConnectionEnds, ConnectionName, ConnectionQuery, ConnectionTuple } from "./connection.ts";
import { errnoNumber } from "./errno.ts";
import { KernelError } from "./error.ts";

/** Throws KernelError (EINVAL) for a query that no connection can answer. */
export function checkConnectionQuery({ family, original, reply }: ConnectionQuery): void {
  const ends = [original?.source, original?.destination, reply?.source, reply?.destination];
  if (ends.every((end) => end === undefined || familyOf(end) === family)) return;
  throw new KernelError({
    operation: "listing connections",
    number: errnoNumber("EINVAL"),
    why: `an address is not of IPv${family}`,
  });
}

export function isPickedBy({ family, original, reply }: ConnectionQuery, connection: Connection): boolean {
  return (
    familyOf(connection.original.source) === family &&
    isBetween(connection.original, original) &&
    isBetween(connection.reply, reply)
  );
}

function isBetween(tuple: ConnectionTuple, { source, destination }: ConnectionEnds = {}): boolean {
  return is(tuple.source, source) && is(tuple.destination, destination);
}

function is(address: Address, wanted: Address | undefined): boolean {
  return wanted === undefined || address === wanted;
}

/** The reason why a connection of this name cannot be asked for; undefined if it can. */
export function objectionToConnection({ original, zone, id }: ConnectionName): string | undefined {
  if (familyOf(original.source) !== familyOf(original.destination)) return "the addresses are of two families";
  const numbers: readonly (readonly [what: string, value: number | undefined, most: number])[] = [
    ["protocol", original.protocol, 255],
    ["port", original.sourcePort, 0xffff],
    ["port", original.destinationPort, 0xffff],
    ["ICMP id", original.icmp?.id, 0xffff],
    ["ICMP type", original.icmp?.type, 255],
    ["ICMP code", original.icmp?.code, 255],
    ["zone", zone, 0xffff],
    ["id", id, 0xffff_ffff],
  ];
  const wrong = numbers.find(([, value = 0, most]) => !Number.isInteger(value) || value < 0 || value > most);
  return wrong === undefined ? undefined : `${wrong[0]} ${wrong[1]} is not an integer from 0 to ${wrong[2]}`;
}
