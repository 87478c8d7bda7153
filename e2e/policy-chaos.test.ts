import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestLab } from "./support/lab.ts";
import { PolicyChaos } from "./support/policy-chaos.ts";

const lab = new TestLab();
const chaos = new PolicyChaos(lab);

beforeAll(async () => {
  await lab.up();
  await chaos.prepare();
});
afterAll(async () => {
  expect(await lab.down()).toEqual([]);
});

/** At full size, for minutes: npm run soak -- policy-chaos. */
describe("a stream that must be denied and one that must pass, a thousand packets a second each, stay so", () => {
  it("while the agent is killed and started again", () => chaos.during(() => chaos.restartAgent("node1", 3)));
  it("while policies are rewritten", () => chaos.during(() => chaos.rewritePolicies(60)));
  it("while the datastore is away", () => chaos.during(() => chaos.datastoreAway(3_000)));
  it("while somebody flushes nftables", () => chaos.during(() => chaos.flushTables("node1", 5)));
});
