import { compileModel, POLICY_TABLE } from "@ocicat/enforcement";
import { createLogger, type LogRecord, Scope, TestClock } from "@ocicat/kit";
import { NftReconciler, type Table } from "@ocicat/nftables";
import { FakeNftables } from "@ocicat/nftables/fake";
import { describe, expect, it } from "vitest";
import { model, workload } from "../../../policy/test/support/build.ts";
import { Verifier } from "../../src/policy/verifier.ts";

const MODEL = model({
  endpoints: [workload({ name: "a", addresses: ["10.65.0.1"] }), workload({ name: "b", addresses: ["10.65.0.2"] })],
});
const MINUTE = 60_000;

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
  return { clock, scope, records, verifier, write, turnsUntil };
}

/** The receiver's policies of one pod are gone. */
function withoutPolicies(table: Table): Table {
  return {
    ...table,
    sets: table.sets.map((set) => (set.name === "to" ? { ...set, elements: set.elements.slice(1) } : set)),
  };
}

describe("the agent's proof", () => {
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
