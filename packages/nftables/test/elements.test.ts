import { origin } from "@ocicat/kit";
import { ACCEPT, DROP, element, interfaceName, set, verdictMap } from "@ocicat/nftables";
import { describe, expect, it } from "vitest";
import { elementDelta } from "../src/plan/elements.ts";

const why = origin("because of a test");
const other = origin("for another reason");
const name = (text: string) => interfaceName(text);

describe("from one set's elements to another's", () => {
  const holding = (...elements: readonly ReturnType<typeof element>[]) =>
    set({ name: "s", key: "ifname", origin: why, elements });

  it("only what differs is touched", () => {
    const actual = holding(element(why, name("a")), element(why, name("b")));
    const desired = holding(element(why, name("b")), element(why, name("c")));
    expect(elementDelta(desired, actual)).toEqual({
      remove: [element(why, name("a"))],
      add: [element(why, name("c"))],
    });
  });

  it("an element with another reason is taken out and put in: the kernel rewrites none", () => {
    const [before, after] = [element(why, name("a")), element(other, name("a"))];
    expect(elementDelta(holding(after), holding(before))).toEqual({ remove: [before], add: [after] });
  });

  it("and so is one with another verdict", () => {
    const mapping = (of: ReturnType<typeof element>) =>
      verdictMap({ name: "m", key: "ifname", origin: why, elements: [of] });
    const [before, after] = [element(why, name("a"), DROP), element(why, name("a"), ACCEPT)];
    expect(elementDelta(mapping(after), mapping(before))).toEqual({ remove: [before], add: [after] });
  });

  it("a set just made gets all of them", () => {
    const all = [element(why, name("a")), element(why, name("b"))];
    expect(elementDelta(holding(...all), undefined)).toEqual({ remove: [], add: all });
  });
});
