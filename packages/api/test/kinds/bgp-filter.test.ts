import { describe, expect, it } from "vitest";
import { encodeStored } from "../../src/index.ts";
import { apply, refusals } from "../support.ts";

const filter = (spec: object) => apply("BGPFilter", "f", spec);
const rule = (fields: object) => filter({ importV4: [{ action: "Accept", ...fields }] });
const at = (field: string) => `spec.importV4[0].${field}`;

describe("a BGPFilter", () => {
  it("is stored with every field in its place", () => {
    const match = {
      action: "Accept",
      prefixLength: { max: 24, min: 0 },
      matchOperator: "In",
      cidr: "10.0.0.0/8",
      interface: "eth*",
      source: "RemotePeers",
      peerType: "eBGP",
      communities: { values: ["65000:1"] },
      asPathPrefix: [65001, "1.0"],
      priority: 100,
      operations: [
        { addCommunity: { value: "1:2:3" } },
        { prependASPath: { prefix: [65001] } },
        { setPriority: { value: 5 } },
      ],
    };
    expect(JSON.parse(encodeStored(filter({ importV4: [match] })))).toEqual({
      kind: "BGPFilter",
      apiVersion: "projectcalico.org/v3",
      metadata: { name: "f" },
      spec: { importV4: [{ ...match, asPathPrefix: [65001, 65536] }] },
    });
    expect(encodeStored(filter({ importV4: [match] }))).toContain(
      '{"cidr":"10.0.0.0/8","prefixLength":{"min":0,"max":24},"source":"RemotePeers","interface":"eth*","matchOperator":"In","peerType":"eBGP",',
    );
  });

  it("takes a single address for a network of one, in the family of its list", () => {
    expect(refusals(() => rule({ cidr: "10.0.0.1", matchOperator: "Equal" }))).toEqual([]);
    expect(
      refusals(() => filter({ exportV6: [{ cidr: "10.0.0.1", matchOperator: "Equal", action: "Accept" }] })),
    ).toEqual([["spec.exportV6[0].cidr", "10.0.0.1", "family"]]);
  });

  it.each<readonly [string, object, readonly [string, unknown, string]]>([
    ["no action", { action: undefined }, [at("action"), undefined, "required"]],
    ["a range without an operator", { cidr: "10.0.0.0/8" }, [at("matchOperator"), undefined, "required"]],
    ["an operator without a range", { matchOperator: "In" }, [at("cidr"), undefined, "required"]],
    ["lengths without a range", { prefixLength: { min: 8 } }, [at("cidr"), undefined, "required"]],
    [
      "lengths the wrong way round",
      { cidr: "10.0.0.0/8", matchOperator: "In", prefixLength: { min: 24, max: 16 } },
      [at("prefixLength.max"), 16, "range"],
    ],
    [
      "a length that IPv4 has not",
      { cidr: "10.0.0.0/8", matchOperator: "In", prefixLength: { max: 33 } },
      [at("prefixLength.max"), 33, "range"],
    ],
    ["bits beyond the length", { cidr: "10.1.0.0/8", matchOperator: "In" }, [at("cidr"), "10.1.0.0/8", "host-bits"]],
    [
      "a community that is none",
      { communities: { values: ["65536:1"] } },
      [at("communities.values[0]"), "65536:1", "community"],
    ],
    [
      "two communities",
      { communities: { values: ["1:1", "1:2"] } },
      [at("communities.values"), ["1:1", "1:2"], "one-community"],
    ],
    ["an empty operation", { operations: [{}] }, [at("operations[0]"), {}, "one-operation"]],
    ["a metric of 0", { priority: 0 }, [at("priority"), 0, "range"]],
    [
      "operations on what is rejected",
      { action: "Reject", operations: [{ setPriority: { value: 5 } }] },
      [at("operations"), [{ setPriority: { value: 5 } }], "operations"],
    ],
  ])("is refused for %s", (_why, fields, refusal) => {
    expect(refusals(() => rule(fields))).toEqual([refusal]);
  });

  it("is refused for more than ten operations", () => {
    const operations = Array.from({ length: 11 }, (_, index) => ({ setPriority: { value: index + 1 } }));
    expect(refusals(() => rule({ operations }))).toEqual([[at("operations"), operations, "operations"]]);
    expect(refusals(() => rule({ operations: operations.slice(1) }))).toEqual([]);
  });
});
