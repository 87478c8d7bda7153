import { compileModel, describeDifference, verifyNode } from "@ocicat/enforcement";
import type { PolicyModel } from "@ocicat/policy";
import {
  NODE,
  type RandomPolicyOptions,
  randomPolicies,
  shrinkPolicies,
} from "../packages/enforcement/test/support/random-policies.ts";
import type { SoakOptions } from "./options.ts";

const COMPILE = { interfacePrefix: "cali", flowLog: false, logPrefix: "soak" };
/** Few endpoints and many, few policies and many, with host endpoints and without. */
const SIZES: readonly RandomPolicyOptions[] = [
  {},
  { hosts: true },
  { policies: 30, rules: 8 },
  { local: 15, remote: 15, policies: 20, hosts: true },
];

/** Random policies, compiled and proved to mean what they say for every packet there can be. The first that do not are made small. */
export async function run({ operations = 10_000, seed }: SoakOptions, say: (line: string) => void): Promise<void> {
  let nodes = 0;
  for (let number = 0; number < operations; number++) {
    const model = randomPolicies(seed + number, SIZES[number % SIZES.length]);
    const report = proved(model);
    nodes += report.nodes;
    if (report.differences.length > 0) {
      const small = shrinkPolicies(model, (smaller) => proved(smaller).differences.length > 0);
      const told = proved(small).differences.map(describeDifference).join("\n");
      throw new Error(
        `seed ${seed + number}, size ${number % SIZES.length}: the tables do not mean the policies:\n${told}`,
      );
    }
    if ((number + 1) % 1000 === 0) say(`${number + 1} sets of policies proved, ${nodes} nodes of diagrams`);
    // The process hears signals in between.
    if (number % 100 === 0) await new Promise<void>((resolve) => void setImmediate(resolve));
  }
}

function proved(model: PolicyModel) {
  const [table] = compileModel(model, NODE, COMPILE);
  return verifyNode({ table, model, options: { node: NODE, interfacePrefixes: ["cali"] } });
}
