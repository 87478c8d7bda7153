import { isOcicatError, toError } from "@ocicat/kit";
import { NftError } from "../errors.ts";
import { type TableFamily, tableKey } from "../ir/table.ts";
import { errnoOf } from "../kernel.ts";
import type { Batch } from "../plan/batch.ts";
import type { Operation } from "../plan/operation.ts";
import { renderOperations } from "../text/operation.ts";

/** What was known of the kernel is not so (any more): reading again may help. */
const DRIFT: ReadonlySet<string> = new Set(["ENOENT", "EEXIST", "EBUSY", "ERESTART", "ENOTEMPTY"]);

/** Found before anything was sent. */
export class Drift extends NftError {
  constructor(chain: string) {
    super({ code: "NFT_READ_UNSTABLE", what: `chain ${chain} has other rules than were written`, retryable: true });
  }
}

export function isDrift(error: unknown): boolean {
  const errno = errnoOf(error) ?? (error instanceof Error ? errnoOf(error.cause) : undefined);
  return error instanceof Drift || DRIFT.has(errno ?? "");
}

/** errno 95 has two names. */
export function isUnsupported(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === "EOPNOTSUPP" || errno === "ENOTSUP";
}

/** User-mode Linux as Debian builds it, for one, has only the last. */
const FAMILY_OPTIONS: Readonly<Record<TableFamily, string>> = {
  ip: "CONFIG_NF_TABLES_IPV4",
  ip6: "CONFIG_NF_TABLES_IPV6",
  inet: "CONFIG_NF_TABLES_INET",
  arp: "CONFIG_NF_TABLES_ARP",
  netdev: "CONFIG_NF_TABLES_NETDEV",
  bridge: "CONFIG_NF_TABLES_BRIDGE",
};

/** The kernel's refusal, with the operation it is about. */
export function refusal(cause: unknown, operations: readonly Operation[], batch: Batch): NftError {
  const error = toError(cause);
  const refused = refusedOperation(error, batch);
  const where = [...new Set((refused === undefined ? operations : [refused]).map(({ table }) => tableKey(table)))];
  const at = `table ${where.join(", ")}`;
  if (errnoOf(error) === "EPERM") {
    return new NftError({
      code: "NFT_TABLE_OWNED",
      where: at,
      what: "another process owns the table, or this one may not change nftables",
      why: error.message,
      fix: "stop the other agent of this node; run with CAP_NET_ADMIN in this network namespace",
      retryable: true,
      cause,
    });
  }
  if (refused?.op === "table.create" && isUnsupported(error)) {
    return new NftError({
      code: "NFT_UNSUPPORTED",
      where: at,
      what: `this kernel has no nftables of family ${refused.table.family}`,
      why: error.message,
      fix: `use a kernel with ${FAMILY_OPTIONS[refused.table.family]}`,
      cause,
    });
  }
  return new NftError({
    code: "NFT_REFUSED",
    where: at,
    what:
      refused === undefined
        ? `the kernel refused a transaction of ${operations.length} operations`
        : `the kernel refused: ${renderOperations([refused]).trim()}`,
    why: error.message,
    retryable: isDrift(error) || (isOcicatError(error) && error.retryable),
    cause,
  });
}

/** The first message that the kernel named in its refusal (`refused` of @ocicat/linux's TransactionError). */
function refusedOperation(error: Error, batch: Batch): Operation | undefined {
  if (!("refused" in error) || !Array.isArray(error.refused)) return undefined;
  const [first]: unknown[] = error.refused;
  if (typeof first !== "object" || first === null || !("sequence" in first)) return undefined;
  return typeof first.sequence === "number" ? batch.operationAt(first.sequence) : undefined;
}
