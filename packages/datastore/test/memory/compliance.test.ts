import { TestClock } from "@ocicat/kit";
import { datastoreComplianceTests } from "../../src/compliance/index.ts";
import { MemoryDatastore } from "../../src/index.ts";

const open = async (options: { readonly transactions: boolean; readonly leases: boolean }) => {
  const clock = new TestClock();
  const store = new MemoryDatastore({ transactions: options.transactions, ...(options.leases ? { clock } : {}) });
  return {
    store,
    compact: (revision: bigint) => store.compact(revision),
    advance: (ms: number) => clock.advance(ms),
    close: () => store.close(),
  };
};

datastoreComplianceTests("memory", () => open({ transactions: true, leases: true }));
datastoreComplianceTests("memory, single keys only", () => open({ transactions: false, leases: false }));
