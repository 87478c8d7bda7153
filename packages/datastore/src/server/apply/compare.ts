import { type Compare, Compare_CompareResult, Compare_CompareTarget } from "../../proto/rpc_pb.ts";
import { type Entry, NO_BYTES, NO_LEASE } from "../storage/entry.ts";

const ABSENT: Entry = {
  key: NO_BYTES,
  value: NO_BYTES,
  modRevision: 0,
  createRevision: 0,
  version: 0,
  lease: NO_LEASE,
};

/**
 * Whether a compare holds for all the keys it names, given as they are. Where there are none it is judged against a key
 * of all zeros, and a compare of values fails, whatever its sense.
 */
export function compareHolds(compare: Compare, entries: readonly Entry[]): boolean {
  if (entries.length > 0) return entries.every((entry) => senseHolds(compare, order(compare, entry)));
  return compare.target !== Compare_CompareTarget.VALUE && senseHolds(compare, order(compare, ABSENT));
}

/** Below, at or above zero: how the key stands to what the compare gives. A missing or mismatched operand counts as zero. */
function order({ target, targetUnion: operand }: Compare, entry: Entry): number {
  switch (target) {
    case Compare_CompareTarget.VERSION:
      return orderIntegers(BigInt(entry.version), operand.case === "version" ? operand.value : 0n);
    case Compare_CompareTarget.CREATE:
      return orderIntegers(BigInt(entry.createRevision), operand.case === "createRevision" ? operand.value : 0n);
    case Compare_CompareTarget.MOD:
      return orderIntegers(BigInt(entry.modRevision), operand.case === "modRevision" ? operand.value : 0n);
    case Compare_CompareTarget.VALUE:
      return Buffer.compare(entry.value, operand.case === "value" ? operand.value : NO_BYTES);
    case Compare_CompareTarget.LEASE:
      return orderIntegers(entry.lease, operand.case === "lease" ? operand.value : 0n);
    default:
      return 0;
  }
}

function senseHolds({ result }: Compare, order: number): boolean {
  switch (result) {
    case Compare_CompareResult.EQUAL:
      return order === 0;
    case Compare_CompareResult.NOT_EQUAL:
      return order !== 0;
    case Compare_CompareResult.GREATER:
      return order > 0;
    case Compare_CompareResult.LESS:
      return order < 0;
    default:
      return true;
  }
}

function orderIntegers(a: bigint, b: bigint): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
