import type { PolicyRule } from "@ocicat/api";
import { describe, expect, it } from "vitest";
import { readRule } from "../../src/read/rule.ts";
import { policy } from "../support/build.ts";

type End = PolicyRule["source"];

/** What chooses the source of an ingress rule, as one selector's text. */
function sourceOf(end: End, namespace?: string) {
  const rule = readRule({ action: "Allow", source: end, destination: {} }, namespace, "spec.ingress[0]");
  return { selector: rule.source.selector?.text, notSelector: rule.source.notSelector?.text, broken: rule.broken };
}

const NS = 'projectcalico.org/namespace == "prod"';

describe("what chooses the endpoints at a rule's end", () => {
  it.each<[string, End, string | undefined, string | undefined]>([
    ["nothing, in a namespace", {}, "prod", undefined],
    ["networks alone are not narrowed to the namespace", { nets: ["10.0.0.0/8"] }, "prod", undefined],
    ["a selector means the policy's own namespace", { selector: "a == 'b'" }, "prod", `(${NS} && a == "b")`],
    ["a selector of a global policy means everywhere", { selector: "a == 'b'" }, undefined, 'a == "b"'],
    ["all() is a selector: what is known, in the namespace", { selector: "all()" }, "prod", NS],
    ["all() of a global policy is all that is known", { selector: "all()" }, undefined, "all()"],
    ["a namespaceSelector alone", { namespaceSelector: "e == 'f'" }, "prod", 'pcns.e == "f"'],
    [
      "a namespaceSelector in place of the policy's own namespace",
      { namespaceSelector: "e == 'f'", selector: "a == 'b'" },
      "prod",
      '(pcns.e == "f" && a == "b")',
    ],
    ["all() of namespaces is to be in one", { namespaceSelector: "all()" }, "prod", "has(projectcalico.org/namespace)"],
    ["global() is to be in none", { namespaceSelector: "global()" }, "prod", "!has(projectcalico.org/namespace)"],
    [
      "each label of a namespaceSelector is the namespace's",
      { namespaceSelector: "!has(x) && (y in {'1','2'} || z starts with 'q')" },
      undefined,
      '(!has(pcns.x) && (pcns.y in {"1", "2"} || pcns.z starts with "q"))',
    ],
    [
      "service accounts by name, in the policy's namespace",
      { serviceAccounts: { names: ["b", "a"] } },
      "prod",
      `(${NS} && projectcalico.org/serviceaccount in {"a", "b"})`,
    ],
    [
      "service accounts by selector and name, beside a selector",
      { serviceAccounts: { names: ["a"], selector: "r == 's'" }, selector: "t == 'u'" },
      undefined,
      '(pcsa.r == "s" && projectcalico.org/serviceaccount in {"a"} && t == "u")',
    ],
    [
      "what is not meant thins out what is",
      { selector: "a == 'b'", notSelector: "c == 'd'" },
      undefined,
      '(a == "b" && !c == "d")',
    ],
    [
      "what is not meant, in a namespace, is not meant of that",
      { notSelector: "c == 'd'" },
      "prod",
      `(${NS} && !c == "d")`,
    ],
  ])("%s", (_, end, namespace, selector) => {
    expect(sourceOf(end, namespace)).toEqual({ selector, notSelector: undefined, broken: undefined });
  });

  it("keeps what is not meant alone where nothing else chooses: what is unknown is meant too", () => {
    expect(sourceOf({ notSelector: "c == 'd'" })).toEqual({
      selector: undefined,
      notSelector: 'c == "d"',
      broken: undefined,
    });
  });

  it("takes service accounts that are neither named nor selected for a mistake, not for all", () => {
    expect(sourceOf({ serviceAccounts: {} }).broken).toMatch(/neither named nor selected/);
  });
});

describe("what a policy applies to", () => {
  it.each<[string, Record<string, unknown>, string | undefined, string]>([
    ["nothing said, global", {}, undefined, "all()"],
    ["nothing said, namespaced", {}, "prod", NS],
    ["a selector, namespaced", { selector: "a == 'b'" }, "prod", `(a == "b" && ${NS})`],
    [
      "namespaces and service accounts of a global one",
      { selector: "a == 'b'", namespaceSelector: "c == 'd'", serviceAccountSelector: "e == 'f'" },
      undefined,
      '(a == "b" && pcns.c == "d" && pcsa.e == "f")',
    ],
    ["all namespaces of a global one", { namespaceSelector: "all()" }, undefined, "has(projectcalico.org/namespace)"],
    [
      "all service accounts of a global one",
      { serviceAccountSelector: "all()" },
      undefined,
      "has(projectcalico.org/serviceaccount)",
    ],
    [
      "service accounts of a namespaced one",
      { serviceAccountSelector: "e == 'f'" },
      "prod",
      `(${NS} && pcsa.e == "f")`,
    ],
  ])("%s", (_, spec, namespace, selector) => {
    const read = policy("p", spec, namespace === undefined ? {} : { namespace });
    expect(read.selector.text).toBe(selector);
  });
});
