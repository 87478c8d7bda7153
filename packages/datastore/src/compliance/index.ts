import { afterEach, beforeEach, describe } from "vitest";
import { compactionTests } from "./compaction.ts";
import { concurrencyTests } from "./concurrency.ts";
import type { ComplianceFixture, Subject } from "./fixture.ts";
import { keyTests } from "./keys.ts";
import { leaseTests } from "./leases.ts";
import { listTests } from "./lists.ts";
import { transactionTests } from "./transactions.ts";
import { watchTests } from "./watches.ts";

export type { ComplianceFixture } from "./fixture.ts";

/**
 * The tests every datastore backend must pass, for a vitest file:
 *
 *     datastoreComplianceTests("memory", async () => {
 *       const store = new MemoryDatastore({ clock });
 *       return { store, compact: (revision) => store.compact(revision), close: () => store.close() };
 *     });
 *
 * `open` is called before each test. Its stores may share one server: nothing else may write to it meanwhile, though,
 * for the suite counts revisions.
 */
export function datastoreComplianceTests(name: string, open: () => Promise<ComplianceFixture>): void {
  describe(`datastore compliance: ${name}`, () => {
    let subject: Subject | undefined;
    let count = 0;
    const current = () => {
      if (subject === undefined) throw new Error("no store is open outside a test");
      return subject;
    };
    beforeEach(async () => {
      const fixture = await open();
      count += 1;
      subject = { ...fixture, prefix: `/compliance/${count}/` };
    });
    afterEach(async () => {
      await subject?.close();
      subject = undefined;
    });

    describe("keys", () => keyTests(current));
    describe("lists", () => listTests(current));
    describe("transactions", () => transactionTests(current));
    describe("watches", () => watchTests(current));
    describe("lost history", () => compactionTests(current));
    describe("leases", () => leaseTests(current));
    describe("concurrency and close", () => concurrencyTests(current));
  });
}
