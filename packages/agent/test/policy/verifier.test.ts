import { compileModel, POLICY_TABLE } from "@ocicat/enforcement";
import { createLogger, type LogRecord, origin, Scope, TestClock } from "@ocicat/kit";
import { GUARD_TABLE, NftReconciler, type Table, workloadGuard } from "@ocicat/nftables";
import { FakeNftables } from "@ocicat/nftables/fake";
import { describe, expect, it } from "vitest";
import { model, workload } from "../../../policy/test/support/build.ts";
import { Verifier } from "../../src/policy/verifier.ts";

const MODEL = model({
  endpoints: [workload({ name: "a", addresses: ["10.65.0.1"] }), workload({ name: "b", addresses: ["10.65.0.2"] })],
});
const MINUTE = 60_000;
const GUARD = workloadGuard({
  knownInterfaces: new Map([["cali1", origin("test")]]),
  sources6: [],
  wider: [],
  interfacePrefix: "cali",
});

/** Time goes on a little whenever somebody looks. */
class BusyClock extends TestClock {
  #looks = 0;

  override monotonic(): number {
    return super.monotonic() + 2 * this.#looks++;
  }
}

function compiled(): Table {
  const [table] = compileModel(MODEL, "node1", { interfacePrefix: "cali", flowLog: false, logPrefix: "test" });
  if (table === undefined) throw new Error("no table");
  return table;
}

function setUp() {
  const clock = new BusyClock();
  const scope = new Scope("test");
  const records: LogRecord[] = [];
  const kernel = new FakeNftables().open();
  const nft = new NftReconciler(kernel);
  const verifier = new Verifier({
    node: "node1",
    kernel: { nftQuery: (request) => kernel.nftQuery(request), links: () => [], addresses: () => [] },
    model: () => MODEL,
    settled: () => true,
    interfacePrefixes: ["cali"],
    intervalMs: MINUTE,
    clock,
    logger: createLogger("test", "error", (record) => records.push(record)),
    scope,
  });
  const write = (table: Table) => {
    nft.setTables([POLICY_TABLE], [table]);
    nft.apply();
  };
  /** Lets it work until it is done. Answers how often others had their turn. */
  const turnsUntil = async (isDone: () => boolean): Promise<number> => {
    let turns = 0;
    while (!isDone()) {
      await Promise.resolve();
      if (clock.waiting()[0] !== "policy proof's next slice") continue;
      clock.advance(0);
      turns++;
    }
    return turns;
  };
  return { clock, scope, records, verifier, write, turnsUntil, kernel };
}

/** The receiver's policies of one pod are gone. */
function withoutPolicies(table: Table): Table {
  return {
    ...table,
    sets: table.sets.map((set) => (set.name === "to" ? { ...set, elements: set.elements.slice(1) } : set)),
  };
}

describe("the agent's proof", () => {
  it("compares the other tables with what is wanted of them, and tells what would mend them", async () => {
    const { scope, verifier, write, turnsUntil, kernel } = setUp();
    write(compiled());
    const guarded = new NftReconciler(kernel);
    verifier.compare({ drift: () => guarded.drift([GUARD_TABLE]) });
    guarded.setTables([GUARD_TABLE], [GUARD]);
    guarded.apply();
    const right = verifier.verify();
    await turnsUntil(() => verifier.last !== undefined);
    expect((await right).text).toEqual([]);
    const another = new NftReconciler(kernel);
    another.setTables([GUARD_TABLE], [{ ...GUARD, sets: GUARD.sets.map((set) => ({ ...set, elements: [] })) }]);
    another.apply();
    const wrong = verifier.verify();
    await turnsUntil(() => verifier.last?.differences.length !== 0);
    const { text } = await wrong;
    expect(text).toEqual([
      expect.stringMatching(/^table inet ocicat-guard is not as it should be.*add element.*cali1/s),
    ]);
    // It only looked.
    expect(guarded.drift([GUARD_TABLE])).toHaveLength(1);
    await scope.close();
  });

  it("works in slices, and says what the kernel does otherwise", async () => {
    const { scope, verifier, write, turnsUntil } = setUp();
    write(compiled());
    const right = verifier.verify();
    expect(await turnsUntil(() => verifier.last !== undefined)).toBeGreaterThan(5);
    expect((await right).text).toEqual([]);
    write(withoutPolicies(compiled()));
    const wrong = verifier.verify();
    await turnsUntil(() => (verifier.last?.differences.length ?? 0) > 0);
    expect((await wrong).text[0]).toContain("no policy yet for this interface");
    expect((await wrong).tookMs).toBeGreaterThan(0);
    await scope.close();
  });

  it("is made by itself, and what is otherwise is logged; with its scope it ends, also between two slices", async () => {
    const { clock, scope, records, verifier, write, turnsUntil } = setUp();
    write(withoutPolicies(compiled()));
    verifier.start();
    expect(clock.waiting()).toEqual(["policy proof"]);
    clock.advance(MINUTE);
    await turnsUntil(() => clock.waiting()[0] === "policy proof");
    expect(records.map(({ message }) => message)).toContain("the kernel does otherwise than policy wants");
    const cut = verifier.verify();
    while (clock.waiting()[0] !== "policy proof's next slice") await Promise.resolve();
    await scope.close();
    expect(clock.waiting()).toEqual([]);
    expect(await Promise.race([cut.then(() => "done"), Promise.resolve("cut")])).toBe("cut");
  });
});
