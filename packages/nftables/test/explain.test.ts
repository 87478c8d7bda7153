import { origin } from "@ocicat/kit";
import {
  COUNTER,
  DROP,
  element,
  equal,
  explainElement,
  explainRule,
  interfaceName,
  interfacePrefix,
  meta,
  rule,
  set,
  verdict,
} from "@ocicat/nftables";
import { expect, it } from "vitest";

const pod = { kind: "WorkloadEndpoint", name: "default/pod1" };

it("a rule says what it does, why, and from what it follows", () => {
  const one = rule(
    origin("from an unknown interface", pod),
    equal(meta("iifname"), interfacePrefix("cali")),
    COUNTER,
    verdict(DROP),
  );
  expect(explainRule(one)).toBe(
    ['iifname "cali*" counter drop', "  why: from an unknown interface", "  from: WorkloadEndpoint default/pod1"].join(
      "\n",
    ),
  );
});

it("an element says what it is in", () => {
  const known = set({ name: "known", key: "ifname", origin: origin("all of them") });
  expect(explainElement(known, element(origin("an endpoint", pod), interfaceName("cali1")))).toBe(
    ['"cali1" in @known', "  why: an endpoint", "  from: WorkloadEndpoint default/pod1"].join("\n"),
  );
});

it("what nobody gave a reason for says so", () => {
  expect(explainRule(rule(origin(""), COUNTER))).toContain("no reason is known");
});
