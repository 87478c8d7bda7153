import { type Origin, origin, UNKNOWN_ORIGIN } from "@ocicat/kit";
import { COUNTER, commentOf, DROP, element, elementComment, interfaceName, rule, verdict } from "@ocicat/nftables";
import { describe, expect, it } from "vitest";
import { originOf } from "../src/comment.ts";
import { identityHash } from "../src/identity.ts";

const pool = { kind: "IPPool", name: "default-ipv4-ippool" };
const pod = { kind: "WorkloadEndpoint", name: "default/pod1" };

describe("a rule's comment", () => {
  it("is its identity, its reason and its resources, and gives them back", () => {
    const why = origin("masquerade", pool, pod);
    const comment = commentOf(rule(why, COUNTER));
    expect(comment).toMatch(
      /^cali:[A-Za-z0-9_-]{16} masquerade \[IPPool default-ipv4-ippool, WorkloadEndpoint default\/pod1\]$/,
    );
    expect(originOf(comment)).toEqual(why);
  });

  it("changes its identity with what the rule does, why, and for whom, and with nothing else", () => {
    const of = (why: Origin, ...body: Parameters<typeof rule>[1][]) => commentOf(rule(why, ...body)).slice(0, 21);
    const first = of(origin("a", pool), COUNTER);
    expect(of(origin("a", pool), COUNTER)).toBe(first);
    expect(of(origin("a", pool), COUNTER, verdict(DROP))).not.toBe(first);
    expect(of(origin("b", pool), COUNTER)).not.toBe(first);
    expect(of(origin("a", pod), COUNTER)).not.toBe(first);
  });

  it("stays within nft's 128 bytes, and tells rules apart whose reasons differ only beyond that", () => {
    const long = (end: string) => commentOf(rule(origin(`${"x".repeat(200)}${end}`), COUNTER));
    expect(long("a")).toHaveLength(127);
    expect(long("a").endsWith("...")).toBe(true);
    expect(long("a")).not.toBe(long("b"));
  });

  it("holds nothing that would end nft's quotes or a line", () => {
    expect(commentOf(rule(origin('say "no"\nto é'), COUNTER)).slice(22)).toBe("say 'no'?to ?");
  });
});

describe("an element's comment", () => {
  it("is its reason and its resources: its key is its identity", () => {
    expect(elementComment(element(origin("known", pod), interfaceName("cali1")))).toBe(
      "known [WorkloadEndpoint default/pod1]",
    );
  });
});

it("what somebody else wrote is read as a reason; nothing at all as none", () => {
  expect(originOf("allow ssh [sic]")).toEqual(origin("allow ssh", { kind: "sic", name: "" }));
  expect(originOf("allow ssh")).toEqual(origin("allow ssh"));
  expect(originOf("")).toBe(UNKNOWN_ORIGIN);
});

describe("the identity", () => {
  it("is 16 characters, the same for the same text", () => {
    expect(identityHash("a rule")).toMatch(/^[A-Za-z0-9_-]{16}$/);
    expect(identityHash("a rule")).toBe(identityHash("a rule"));
  });

  it("differs for texts that differ little", () => {
    const texts = Array.from({ length: 20_000 }, (_, index) => `iifname "cali${index.toString(16)}" drop`);
    expect(new Set(texts.map(identityHash)).size).toBe(texts.length);
  });

  it("has every character depend on every character of the text, the last one too", () => {
    const digits = (text: string) => Array.from(identityHash(text));
    for (const change of ["xbcdefgh", "abcdxfgh", "abcdefgx"]) {
      const same = digits(change).filter((digit, index) => digit === digits("abcdefgh")[index]);
      expect(same.length).toBeLessThan(4);
    }
  });
});
