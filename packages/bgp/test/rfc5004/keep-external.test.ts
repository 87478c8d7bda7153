import { parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { address4 } from "../support/lab.ts";
import { path, RibLab, ribPeer } from "../support/rib.ts";

const PREFIX = parsePrefix("10.1.0.0/16");
const external = (ip: string, as: number) => ribPeer(ip, { as, internal: false });
const through = (as: number) => path({ asPath: [{ type: "sequence", asns: [as] }] });

function lab(keepExternalBest: boolean) {
  const rib = new RibLab(undefined, { keepExternalBest });
  const [older, newer] = [rib.adjRibIn(external("10.0.0.2", 7)), rib.adjRibIn(external("10.0.0.1", 8))];
  older.announce({ prefixes: [PREFIX] }, through(7));
  rib.settle();
  return { rib, older, newer };
}

describe("RFC 5004 §3", () => {
  it("an external path that is best stays when another differs by its identifier only", () => {
    const { rib, newer } = lab(true);
    newer.announce({ prefixes: [PREFIX] }, through(8));
    expect(rib.best(PREFIX)).toBe("peer 10.0.0.2: best already, and external");
  });

  it("not when the other is better before that, and not when the best has gone", () => {
    const { rib, older, newer } = lab(true);
    newer.announce({ prefixes: [PREFIX] }, { ...through(8), localPref: 200 });
    expect(rib.best(PREFIX)).toBe("peer 10.0.0.1: highest LOCAL_PREF");
    newer.announce({ prefixes: [PREFIX] }, through(8));
    expect(rib.best(PREFIX)).toBe("peer 10.0.0.1: best already, and external");
    newer.clear();
    expect(rib.best(PREFIX)).toBe("peer 10.0.0.2: only path");
    older.clear();
    expect(rib.best(PREFIX)).toBe("none");
  });

  it("is not done unless wanted: then the outcome does not depend on who came first", () => {
    const { rib, newer } = lab(false);
    newer.announce({ prefixes: [PREFIX] }, through(8));
    expect(rib.best(PREFIX)).toBe("peer 10.0.0.1: lowest BGP identifier");
  });
});

describe("RFC 4271 §9.1.2.2 c) as operators change it", () => {
  it("MEDs of different ASs are compared, and a missing one is the worst, where that is wanted", () => {
    const decide = (options: ConstructorParameters<typeof RibLab>[1]) => {
      const rib = new RibLab(undefined, options);
      rib.adjRibIn(external("10.0.0.1", 7)).announce({ prefixes: [PREFIX] }, through(7));
      rib.adjRibIn(external("10.0.0.2", 8)).announce({ prefixes: [PREFIX] }, { ...through(8), med: 5 });
      return rib.best(PREFIX);
    };
    expect(decide({})).toBe("peer 10.0.0.1: lowest BGP identifier");
    expect(decide({ alwaysCompareMed: true })).toBe("peer 10.0.0.1: lowest MED");
    expect(decide({ alwaysCompareMed: true, missingMedIsWorst: true })).toBe("peer 10.0.0.2: lowest MED");
  });
});

describe("RFC 8326 §4.3", () => {
  it("what an external peer marks as about to go is the last choice", () => {
    const rib = new RibLab();
    const marked = { ...through(7), localPref: 300, communities: [0xffff_0000] };
    rib.adjRibIn(external("10.0.0.1", 7)).announce({ prefixes: [PREFIX] }, marked);
    const other = { ...path({ nextHop: address4("10.0.0.9") }), localPref: 1 };
    rib.adjRibIn(ribPeer("10.0.0.2")).announce({ prefixes: [PREFIX] }, other);
    expect(rib.best(PREFIX)).toBe("peer 10.0.0.2: highest LOCAL_PREF");
  });
});
