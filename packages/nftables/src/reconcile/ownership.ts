import { origin } from "@ocicat/kit";
import { table } from "../ir/table.ts";
import { errnoOf, type NftKernel } from "../kernel.ts";
import { encodeBatch } from "../plan/batch.ts";
import { isUnsupported } from "./refusal.ts";

const PROBE = table({ family: "inet", name: "ocicat-probe", origin: origin("asks the kernel for owned tables") });

/** How kernels say that they do not know a flag (before 6.9 the second, before 5.12 both), if not by EOPNOTSUPP. */
const REFUSALS: ReadonlySet<string> = new Set(["EINVAL", "ERANGE"]);

/** Does the kernel make tables that are owned and persist? Asked with a table that the same transaction takes away again. */
export function kernelOwnsTables(kernel: Pick<NftKernel, "nftCommit">): boolean {
  const probe = encodeBatch([
    { op: "table.create", table: PROBE, owned: true },
    { op: "table.delete", table: PROBE },
  ]);
  try {
    kernel.nftCommit(probe.messages);
    return true;
  } catch (error) {
    if (isUnsupported(error) || REFUSALS.has(errnoOf(error) ?? "")) return false;
    throw error;
  }
}
