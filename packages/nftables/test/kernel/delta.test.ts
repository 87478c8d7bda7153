import { origin } from "@ocicat/kit";
import { parsePrefix } from "@ocicat/net";
import {
  ACCEPT,
  baseChain,
  COUNTER,
  chain,
  DROP,
  element,
  encodeBatch,
  equal,
  inSet,
  interfaceName,
  jump,
  meta,
  NftReconciler,
  number,
  type Operation,
  payload,
  prefixValue,
  type Rule,
  rule,
  type SetElement,
  set,
  type Table,
  type TableOptions,
  table,
  verdict,
  verdictFrom,
  verdictMap,
} from "@ocicat/nftables";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { canonical, readActual, readCanonical } from "../support/canonical.ts";
import { Namespace } from "../support/namespace.ts";
import { NfnetlinkSocket } from "../support/nfnetlink.ts";

const why = origin("because of a test");
const REF = { family: "inet", name: "oct-delta" } as const;
const KNOWN = { table: REF, set: "known" } as const;

const known = (name: string) => element(why, interfaceName(name));
const portRule = (port: number): Rule =>
  rule(why, equal(meta("l4proto"), number(17)), equal(payload("th dport"), number(port)), COUNTER);

function withRules(rules: readonly Rule[], more: Partial<TableOptions> = {}): Table {
  const output = baseChain({
    name: "output",
    type: "filter",
    hook: "output",
    priority: 0,
    policy: "accept",
    origin: why,
    rules,
  });
  const knownSet = set({ name: "known", key: "ifname", origin: why, elements: [known("cali1"), known("cali2")] });
  return table({ ...REF, origin: why, sets: [knownSet], chains: [output], ...more });
}

let namespace: Namespace;
let kernel: NfnetlinkSocket;
let reconciler: NftReconciler;

beforeEach(() => {
  namespace = new Namespace("dl");
  kernel = new NfnetlinkSocket(namespace);
  reconciler = new NftReconciler(kernel);
});

afterEach(() => {
  kernel[Symbol.dispose]();
  namespace[Symbol.dispose]();
});

function apply(desired: Table): readonly Operation[] {
  reconciler.setTables([REF], [desired]);
  const operations = reconciler.apply();
  expect(readCanonical(kernel, REF)).toEqual([canonical(desired)]);
  return operations;
}

/** Port → handle, of the chain's rules. */
function handles(): ReadonlyMap<number, bigint> {
  const [actual] = readActual(kernel, REF);
  const rules = actual?.table.chains[0]?.rules ?? [];
  const states = actual?.ruleStates.get("output") ?? [];
  return new Map(
    rules.map((one, index) => {
      const [, match] = one.body;
      const port = match?.kind === "compare" && match.right.kind === "number" ? match.right.number : -1;
      return [port, states[index]?.handle ?? 0n];
    }),
  );
}

describe("rules", () => {
  it("that stay keep their handles, whatever comes and goes around them", () => {
    apply(withRules([1, 2, 3, 4, 5].map(portRule)));
    const before = handles();
    const operations = apply(withRules([9, 1, 3, 8, 7, 5, 6].map(portRule)));
    const after = handles();
    for (const port of [1, 3, 5]) expect(after.get(port)).toBe(before.get(port));
    expect([...after.keys()]).toEqual([9, 1, 3, 8, 7, 5, 6]);
    expect(operations.map(({ op }) => op)).toEqual([
      "rule.delete",
      "rule.delete",
      "rule.add",
      "rule.add",
      "rule.add",
      "rule.add",
    ]);
  });

  it("that stay keep what they have counted", () => {
    namespace.ip("link set lo up");
    apply(withRules([1, 2].map(portRule)));
    namespace.run("bash", "-c", "echo > /dev/udp/127.0.0.1/2");
    apply(withRules([3, 2, 4].map(portRule)));
    const [actual] = readActual(kernel, REF);
    expect(actual?.ruleStates.get("output")?.map(({ counters }) => counters?.packets)).toEqual([0n, 1n, 0n]);
  });

  it("can be reordered with the fewest moves, and equal rules be told apart", () => {
    apply(withRules([1, 1, 2, 3, 4].map(portRule)));
    const operations = apply(withRules([4, 1, 2, 1, 3].map(portRule)));
    expect(operations).toHaveLength(4);
  });

  it("can all go, and come again", () => {
    apply(withRules([1, 2, 3].map(portRule)));
    apply(withRules([]));
    apply(withRules([3, 2].map(portRule)));
  });
});

describe("elements", () => {
  it("come and go one message each, without the set being read, and touch nothing else", () => {
    apply(withRules([1, 2].map(portRule)));
    const [before] = readActual(kernel, REF);
    const { queries, commits } = kernel;
    reconciler.putElement(KNOWN, known("cali3"));
    expect(reconciler.apply()).toEqual([
      { op: "elements.add", table: REF, set: expect.objectContaining({ name: "known" }), elements: [known("cali3")] },
    ]);
    reconciler.deleteElement(KNOWN, interfaceName("cali1"));
    expect(reconciler.apply()).toMatchObject([
      { op: "elements.delete", elements: [{ key: [interfaceName("cali1")] }] },
    ]);
    expect({ queries: kernel.queries, commits: kernel.commits }).toEqual({ queries, commits: commits + 2 });
    const [after] = readActual(kernel, REF);
    expect(after?.ruleStates).toEqual(before?.ruleStates);
    expect(interfaces(after?.table)).toEqual(["cali2", "cali3"]);
  });

  it("that come and go between two applies cost nothing", () => {
    apply(withRules([]));
    const { commits } = kernel;
    reconciler.putElement(KNOWN, known("cali3"));
    reconciler.deleteElement(KNOWN, interfaceName("cali3"));
    expect(reconciler.apply()).toEqual([]);
    expect(kernel.commits).toBe(commits);
  });

  it("change their verdict and their reason in place of each other, in one transaction", () => {
    const dispatch = (verdicts: Parameters<typeof element>[2], reason: string) =>
      table({
        ...REF,
        origin: why,
        sets: [
          verdictMap({
            name: "dispatch",
            key: "ifname",
            origin: why,
            elements: [element(origin(reason), interfaceName("cali1"), verdicts)],
          }),
        ],
        chains: [
          baseChain({
            name: "prerouting",
            type: "filter",
            hook: "prerouting",
            priority: 0,
            policy: "accept",
            origin: why,
            rules: [rule(why, verdictFrom(meta("iifname"), "dispatch"))],
          }),
          chain({ name: "endpoint", origin: why, rules: [rule(why, COUNTER)] }),
        ],
      });
    apply(dispatch(DROP, "closed"));
    expect(apply(dispatch(jump("endpoint"), "closed")).map(({ op }) => op)).toEqual([
      "elements.delete",
      "elements.add",
    ]);
    expect(apply(dispatch(jump("endpoint"), "opened")).map(({ op }) => op)).toEqual([
      "elements.delete",
      "elements.add",
    ]);
    reconciler.putElement({ table: REF, set: "dispatch" }, element(why, interfaceName("cali1"), ACCEPT));
    expect(reconciler.apply()).toHaveLength(2);
    expect(readCanonical(kernel, REF)).toEqual([canonical(dispatch(ACCEPT, "because of a test"))]);
  });

  it("of interval sets give way to others that overlap them", () => {
    const pools = (...prefixes: readonly string[]) =>
      withRules([], {
        sets: [
          set({
            name: "pools",
            key: "ipv4_addr",
            interval: true,
            origin: why,
            elements: prefixes.map((prefix) => element(why, prefixValue(parsePrefix(prefix)))),
          }),
        ],
      });
    apply(pools("10.0.0.0/9", "10.128.0.0/9", "255.255.255.255/32"));
    apply(pools("10.0.0.0/8"));
    apply(pools("10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/15", "255.0.0.0/8"));
    apply(pools("10.1.0.0/16", "0.0.0.0/5"));
    apply(pools("0.0.0.0/0"));
    apply(pools());
  });

  it("are many in one transaction, over several messages", () => {
    const many = Array.from({ length: 5000 }, (_, index) => known(`cali${index}`));
    const knownSet = set({ name: "known", key: "ifname", origin: why, elements: many });
    apply(withRules([], { sets: [knownSet] }));
    apply(withRules([], { sets: [set({ ...knownSet, elements: many.filter((_, index) => index % 3 === 0) })] }));
  });
});

describe("sets and chains", () => {
  const jumping = (...targets: readonly string[]) =>
    table({
      ...REF,
      origin: why,
      sets: targets.map((name) => set({ name: `set-${name}`, key: "ifname", origin: why })),
      chains: [
        baseChain({
          name: "forward",
          type: "filter",
          hook: "forward",
          priority: 0,
          policy: "drop",
          origin: why,
          rules: targets.map((name) => rule(why, inSet(meta("iifname"), `set-${name}`), verdict(jump(name)))),
        }),
        ...targets.map((name) => chain({ name, origin: why, rules: [rule(why, COUNTER, verdict(ACCEPT))] })),
      ],
    });

  it("come before what refers to them and go after it", () => {
    apply(jumping("a", "b"));
    apply(jumping("b", "c", "d"));
    apply(jumping());
    apply(jumping("e"));
  });

  it("that go and come again before the kernel is told are the same ones, with what it holds of them", () => {
    const nets = (...elements: readonly SetElement[]) =>
      set({ name: "ports", key: "inet_service", origin: why, elements });
    const port = (of: number) => element(why, number(of));
    apply(table({ ...REF, origin: why, sets: [nets(port(1), port(2))] }));
    reconciler.deleteSet({ table: REF, set: "ports" });
    reconciler.putSet(REF, set({ name: "ports", key: "mark", origin: why, elements: [element(why, number(9))] }));
    reconciler.deleteSet({ table: REF, set: "ports" });
    reconciler.putSet(REF, nets(port(2), port(3)));
    expect(reconciler.apply()).toEqual([
      expect.objectContaining({ op: "elements.delete", elements: [expect.objectContaining({ key: [number(1)] })] }),
      expect.objectContaining({ op: "elements.add", elements: [expect.objectContaining({ key: [number(3)] })] }),
    ]);
  });

  it("that cannot be changed in place have their table made anew, in one transaction", () => {
    apply(jumping("a"));
    const commits = () => {
      const { commits: before } = kernel;
      return () => kernel.commits - before;
    };
    const retyping = commits();
    const retyped = table({
      ...jumping("a"),
      sets: [set({ name: "set-a", key: "ipv4_addr", origin: why })],
      chains: [],
    });
    expect(apply(retyped).map(({ op }) => op)).toEqual(["table.delete", "table.create", "set.create"]);
    expect(retyping()).toBe(1);
    apply(withRules([portRule(1)]));
    const [output] = withRules([]).chains;
    if (output?.kind !== "baseChain") throw new Error("no base chain");
    const moving = commits();
    expect(apply(withRules([], { chains: [baseChain({ ...output, priority: 5 })] }))[0]?.op).toBe("table.delete");
    expect(moving()).toBe(1);
  });

  it("change their policy, their rules untouched", () => {
    const desired = withRules([portRule(1)]);
    apply(desired);
    const before = handles();
    const [output] = desired.chains;
    if (output?.kind !== "baseChain") throw new Error("no base chain");
    expect(apply(table({ ...desired, chains: [{ ...output, policy: "drop" }] }))).toEqual([
      { op: "chain.policy", table: REF, chain: "output", policy: "drop" },
    ]);
    expect(handles()).toEqual(before);
  });
});

describe("what others did", () => {
  /** A plain table can be changed by anyone. */
  const plain = (desired: Table): Table => table({ ...desired, owned: false });

  it("is undone by the next resync, and only that", () => {
    const desired = plain(withRules([1, 2, 3].map(portRule)));
    apply(desired);
    const before = handles();
    namespace.run("nft", "delete", "rule", "inet", "oct-delta", "output", "handle", String(before.get(2)));
    namespace.load('add rule inet oct-delta output iifname . ct mark { "eth0" . 5 } log prefix "foreign"');
    namespace.load('add element inet oct-delta known { "eth7" }');
    expect(reconciler.apply()).toEqual([]);
    reconciler.resync();
    apply(desired);
    const after = handles();
    expect(after.get(1)).toBe(before.get(1));
    expect(after.get(3)).toBe(before.get(3));
  });

  it("is found out by a refusal, after which the kernel is read and all is mended", () => {
    const desired = plain(withRules([portRule(1)]));
    apply(desired);
    namespace.run("nft", "delete", "table", "inet", "oct-delta");
    reconciler.putElement(KNOWN, known("cali3"));
    reconciler.apply();
    const knownSet = set({
      name: "known",
      key: "ifname",
      origin: why,
      elements: ["cali1", "cali2", "cali3"].map(known),
    });
    expect(readCanonical(kernel, REF)).toEqual([canonical(table({ ...desired, sets: [knownSet] }))]);
  });

  it("with means the model does not know has the table made anew", () => {
    const desired = plain(withRules([portRule(1)]));
    apply(desired);
    namespace.load("add set inet oct-delta fleeting { type ether_addr; }");
    expect(readActual(kernel, REF)[0]?.unknown).toEqual(["set fleeting"]);
    reconciler.resync();
    expect(apply(desired)[0]?.op).toBe("table.delete");
  });

  it("in other tables stays as it is", () => {
    namespace.load("table inet foreign { chain c { type filter hook input priority 0; counter; }; }");
    const before = namespace.run("nft", "list", "table", "inet", "foreign");
    apply(withRules([portRule(1)]));
    reconciler.setTables([REF], []);
    reconciler.apply();
    expect(readActual(kernel, REF)).toEqual([]);
    expect(namespace.run("nft", "list", "table", "inet", "foreign")).toBe(before);
  });
});

describe("a transaction", () => {
  it("that the kernel refuses leaves nothing of itself behind", () => {
    apply(withRules([portRule(1)]));
    const before = namespace.run("nft", "-a", "list", "ruleset");
    const batch = encodeBatch([
      { op: "elements.add", table: REF, set: { ...KNOWN_SHAPE }, elements: [known("cali9")] },
      { op: "rule.add", table: REF, chain: "output", rule: portRule(2), before: undefined },
      { op: "rule.delete", table: REF, chain: "output", handle: 999_999n },
    ]);
    expect(() => kernel.nftCommit(batch.messages)).toThrow(/ENOENT/);
    expect(namespace.run("nft", "-a", "list", "ruleset")).toBe(before);
  });

  it("names the operation that was refused", () => {
    // A hole in the plan is the only way to be refused: the kernel is made to look empty here.
    apply(withRules([portRule(1)]));
    const blind = new NftReconciler({
      nftCommit: (batch) => kernel.nftCommit(batch),
      nftQuery: (request) => kernel.nftQuery(request).filter(({ type }) => (type & 0xff) === 15),
    });
    blind.setTables([REF], [withRules([portRule(1)])]);
    expect(() => blind.apply()).toThrow(
      expect.objectContaining({
        code: "NFT_REFUSED",
        message: expect.stringMatching(/table inet oct-delta: the kernel refused: add table inet oct-delta .*EEXIST/),
      }),
    );
  });
});

const KNOWN_SHAPE = { name: "known", key: ["ifname"], data: "none", interval: false, timeout: false } as const;

function interfaces(of: Table | undefined): readonly string[] {
  return (of?.sets[0]?.elements ?? [])
    .map(({ key: [value] }) => (value?.kind === "interface" ? value.name : ""))
    .toSorted();
}

describe("what somebody has changed", () => {
  it("is told when asked for, and neither mended nor remembered by that", () => {
    const reconciler = new NftReconciler(kernel);
    reconciler.setTables([REF], [withRules([portRule(1), portRule(2)])]);
    reconciler.apply();
    expect(reconciler.drift([REF])).toEqual([]);
    const another = new NftReconciler(kernel);
    another.setTables([REF], [withRules([portRule(1)])]);
    another.apply();
    for (const _ of [1, 2]) expect(reconciler.drift([REF]).map(({ op }) => op)).toEqual(["rule.add"]);
    reconciler.resync();
    expect(reconciler.apply().map(({ op }) => op)).toEqual(["rule.add"]);
    expect(reconciler.drift([REF])).toEqual([]);
  });
});
