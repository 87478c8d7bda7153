import { type Logger, OcicatError } from "@ocicat/kit";
import type { Kernel } from "@ocicat/linux/kernel";
import { encodeBatch, readAllTables } from "@ocicat/nftables";
import { readFirewall } from "../doctor/firewall.ts";
import { felixRemoval, legacyFelixChains } from "./felix-rules.ts";

export { felixRemoval, legacyFelixChains } from "./felix-rules.ts";

/**
 * Before anything is written: whether the rules that Felix left can be taken away afterwards. Throws OcicatError
 * TAKE_OVER_LEGACY.
 */
export function checkFelixRules(kernel: Kernel): void {
  const [first, ...more] = legacyFelixChains(readFirewall(kernel).legacy);
  if (first === undefined) return;
  throw new OcicatError({
    code: "TAKE_OVER_LEGACY",
    where: "this node's firewall",
    what: `Calico has ${more.length + 1} chains in iptables' old interface (${first}${more.length === 0 ? "" : ", …"})`,
    why: "they would drop the packets of every pod that comes from now on, and only the old iptables can remove them",
    fix: "set FelixConfiguration's iptablesBackend to NFT and let Calico run once more, or restart the node without Calico",
  });
}

/**
 * Takes away the rules that Felix left, by one transaction. Not before our own stand: what they let pass and what they
 * forbid is then decided by ours, without a moment between. Throws TransactionError, KernelError.
 */
export function removeFelixRules(kernel: Kernel, logger: Logger): void {
  const operations = felixRemoval(readAllTables((request) => kernel.nftQuery(request)));
  if (operations.length === 0) return;
  kernel.nftCommit(encodeBatch(operations).messages);
  const tables = new Set(operations.map(({ table }) => `${table.family} ${table.name}`));
  logger.info("took Calico's rules away", { tables: [...tables], steps: operations.length });
}
