import { checkTable, type Expression, encodeBatch, plan, renderTable, type Table, table } from "@ocicat/nftables";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { renderOperand } from "../../src/text/expression.ts";
import { anyTable } from "../support/arbitrary.ts";
import { canonical, readActual, readCanonical } from "../support/canonical.ts";
import { Namespace } from "../support/namespace.ts";
import { NfnetlinkSocket } from "../support/nfnetlink.ts";

let namespace: Namespace;
let kernel: NfnetlinkSocket;

beforeAll(() => {
  namespace = new Namespace("rb");
  kernel = new NfnetlinkSocket(namespace);
});

afterAll(() => {
  kernel[Symbol.dispose]();
  namespace[Symbol.dispose]();
});

/** Writes the table, hands it to `look`, and takes it away again. */
function inKernel(table: Table, look: () => void): void {
  kernel.nftCommit(encodeBatch(plan([table], [], { ownership: true })).messages);
  try {
    look();
  } finally {
    kernel.nftCommit(encodeBatch([{ op: "table.delete", table }]).messages);
  }
}

/** Many at once, since nft is a process each time. */
function manyTables(maxMatches?: number): fc.Arbitrary<readonly Table[]> {
  return fc
    .array(anyTable(maxMatches), { minLength: 25, maxLength: 25 })
    .map((many) => many.map((one, index) => table({ ...one, name: `oct-${index}` })));
}

function expectInKernel(tables: readonly Table[]): void {
  const byKey = (a: { family: string; name: string }, b: { family: string; name: string }) =>
    `${a.family} ${a.name}` < `${b.family} ${b.name}` ? -1 : 1;
  expect(readCanonical(kernel, ...tables).toSorted(byKey)).toEqual(tables.map(canonical).toSorted(byKey));
}

describe("what is written", () => {
  it("reads back equal, whatever it is", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(anyTable(), (table) => {
        checkTable(table);
        for (const expression of expressionsOf(table)) seen.add(describeExpression(expression));
        inKernel(table, () => {
          expect(readCanonical(kernel, table)).toEqual([canonical(table)]);
          expect(readActual(kernel, table)[0]?.unknown).toEqual([]);
        });
      }),
      { seed: 15, numRuns: 300 },
    );
    expect([...seen].toSorted()).toEqual(EVERY_EXPRESSION);
  });

  it("is what is wanted: a plan from what was read to what was written is empty", () => {
    fc.assert(
      fc.property(anyTable(), (table) => {
        inKernel(table, () => {
          expect(plan([table], readActual(kernel, table), { ownership: true })).toEqual([]);
        });
      }),
      { seed: 2, numRuns: 50 },
    );
  });
});

describe("what is written as text", () => {
  it("is loaded by nft -f and reads back the same as the netlink batch", () => {
    fc.assert(
      fc.property(manyTables(), (tables) => {
        namespace.load(tables.map(renderTable).join("\n"));
        try {
          expectInKernel(tables);
        } finally {
          namespace.run("nft", "flush", "ruleset");
        }
      }),
      { seed: 3, numRuns: 4, endOnFailure: true },
    );
  });
});

describe("what nft lists of it", () => {
  it("means the same to nft: its own listing, loaded again, reads back equal", () => {
    fc.assert(
      // One match a rule: two that contradict each other are nothing nft would load.
      fc.property(manyTables(1), (tables) => {
        kernel.nftCommit(encodeBatch(plan(tables, [], { ownership: false })).messages);
        try {
          namespace.load(`flush ruleset\n${namespace.run("nft", "list", "ruleset")}`);
          expectInKernel(tables);
        } finally {
          namespace.run("nft", "flush", "ruleset");
        }
      }),
      { seed: 4, numRuns: 4, endOnFailure: true },
    );
  });
});

function expressionsOf(table: Table): readonly Expression[] {
  return table.chains.flatMap((chain) => chain.rules.flatMap((rule) => rule.body));
}

/** Kind, what it looks at, and what with: so that the property is seen to reach every one. */
function describeExpression(expression: Expression): string {
  switch (expression.kind) {
    case "compare": {
      return `compare ${renderOperand(expression.left)} ${expression.right.kind}${expression.negated ? " negated" : ""}`;
    }
    case "verdict":
      return `verdict ${expression.verdict.kind}`;
    case "lookup":
    case "verdictLookup":
      return `${expression.kind} ${expression.keys.length > 1 ? "concatenated" : "single"}`;
    case "limit":
      return `limit ${expression.of}`;
    case "bits":
      return `bits ${renderOperand(expression.left)}`;
    case "masquerade":
      return `masquerade ${expression.fullyRandom}`;
    case "translate":
      return `translate ${expression.end} ${typeof expression.address}`;
    case "setMark":
      return `setMark ${expression.of} ${expression.keep === 0 ? "whole" : "bits"}`;
    case "setDscp":
      return `setDscp ${expression.field}`;
    case "log":
      return `log to ${expression.to.kind}`;
    case "reject":
      return `reject with ${expression.with}`;
    case "ctCount":
      return `ctCount ${expression.over ? "over" : "within"}`;
    case "counter":
    case "notrack":
    case "opaque":
      return expression.kind;
  }
}

const NUMBERS = [
  "meta l4proto",
  "meta mark",
  "ct mark",
  "ct direction",
  "ip dscp",
  "ip6 dscp",
  "icmp type",
  "icmp code",
  "icmpv6 type",
  "icmpv6 code",
  "fib daddr type",
];

const EVERY_EXPRESSION = [
  ...["meta mark", "ct mark", "ct state", "ct status", "tcp flags"].map((operand) => `bits ${operand}`),
  ...["iifname", "oifname"].flatMap((key) =>
    ["interface", "interfacePrefix"].flatMap((kind) => [`compare ${key} ${kind}`, `compare ${key} ${kind} negated`]),
  ),
  ...["ip saddr", "ip daddr", "ip6 saddr", "ip6 daddr"].flatMap((field) => [
    `compare ${field} prefix`,
    `compare ${field} prefix negated`,
  ]),
  ...["th sport", "th dport"].flatMap((field) => [
    `compare ${field} numberRange`,
    `compare ${field} numberRange negated`,
  ]),
  ...NUMBERS.flatMap((operand) => [`compare ${operand} number`, `compare ${operand} number negated`]),
  "compare fib saddr . iif oif number",
  "compare fib saddr . mark . iif oif number",
  "compare meta nfproto number",
  "counter",
  "ctCount over",
  "ctCount within",
  "limit bytes",
  "limit packets",
  "log to group",
  "log to kernel",
  "lookup concatenated",
  "lookup single",
  "masquerade false",
  "masquerade true",
  "notrack",
  ...["icmp", "icmpv6", "icmpx", "tcp reset"].map((how) => `reject with ${how}`),
  "setDscp ip dscp",
  "setDscp ip6 dscp",
  ...["meta", "ct"].flatMap((of) => [`setMark ${of} whole`, `setMark ${of} bits`]),
  "translate source bigint",
  "translate source number",
  "verdict accept",
  "verdict drop",
  "verdict goto",
  "verdict jump",
  "verdict return",
  "verdictLookup concatenated",
  "verdictLookup single",
].toSorted();
