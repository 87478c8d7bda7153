import { parseAddress } from "@ocicat/net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Packet, Protocol, ruleMatches } from "../../src/index.ts";
import { covers } from "../../src/lint/covers.ts";
import { readRule } from "../../src/read/rule.ts";
import { model, networkSet, workload } from "../support/build.ts";

const pick = <const T>(...values: readonly T[]) => fc.constantFrom(...values);
const some = <T>(values: fc.Arbitrary<T>) => fc.array(values, { minLength: 1, maxLength: 2 });

const nets = pick("10.0.0.0/8", "10.0.0.0/30", "10.0.0.1/32", "10.0.0.2/32", "0.0.0.0/0");
const selectors = pick("all()", "a == 'x'", "a == 'x' && b == 'y'", "has(a)", "b == 'y'");
const ports = pick<string | number>(80, "80:81", "1:90", 81, "http");
const icmp = fc.record({ type: pick(8, 0), code: pick(undefined, 0, 1) });

const END = { nets: some(nets), notNets: some(nets), selector: selectors, notSelector: selectors };
const addressed = fc.record(END, { requiredKeys: [] });
const withPorts = fc.record({ ...END, ports: some(ports), notPorts: some(ports) }, { requiredKeys: [] });

type Parts = Readonly<Record<string, object | string>>;

/** As written, and as a few of its parts. */
const written: fc.Arbitrary<Parts> = fc.oneof(
  fc.record({ protocol: pick("TCP", "UDP"), source: withPorts, destination: withPorts }),
  fc.record(
    { protocol: pick("ICMP"), icmp, notICMP: icmp, source: addressed, destination: addressed },
    { requiredKeys: [] },
  ),
  fc.record({ notProtocol: pick("TCP", "UDP"), source: addressed, destination: addressed }, { requiredKeys: [] }),
);

const read = (parts: Parts) => readRule({ action: "Allow", ...parts }, undefined, "spec.ingress[0]");

/**
 * A rule, and another made of it: each end without the parts that a number's bits say, and perhaps with one part of a third's
 * in their place.
 */
const pairs = fc.tuple(written, written, fc.nat(0xfff), fc.nat(11)).map(([narrow, third, bits, taken]) => {
  const entriesOf = (end: object | string | undefined) => Object.entries(typeof end === "object" ? end : {});
  const changed = (side: "source" | "destination", shift: number) => {
    const kept = entriesOf(narrow[side]).filter((_, index) => ((bits >> (shift + index)) & 1) === 0);
    const more = entriesOf(third[side]).filter((_, index) => shift + index === taken);
    return Object.fromEntries([...kept, ...more]);
  };
  const wide = { ...narrow, source: changed("source", 0), destination: changed("destination", 6) };
  const other = taken % 3 === 0 && "notICMP" in third ? { ...wide, notICMP: third.notICMP ?? {} } : wide;
  return [read(narrow), read(other)] as const;
});

const at = (name: string, address: string, labels: Record<string, string>, port: number) =>
  workload({ name, addresses: [address], labels, ports: [{ name: "http", protocol: Protocol.tcp, port }] });

const all = model({
  endpoints: [
    at("a", "10.0.0.1", { a: "x" }, 80),
    at("b", "10.0.0.2", { a: "x", b: "y" }, 81),
    // At the address of another, with another port under the same name.
    at("d", "10.0.0.1", {}, 81),
    at("c", "10.1.0.1", { b: "y" }, 81),
  ],
  networkSets: [networkSet("n", { a: "z" }, ["203.0.113.0/24"])],
});

const ADDRESSES = ["10.0.0.1", "10.0.0.2", "10.1.0.1", "203.0.113.1", "192.0.2.1"].map((text) => parseAddress(text));

const packets: readonly Packet[] = ADDRESSES.flatMap((source) =>
  ADDRESSES.flatMap((destination) => [
    ...[Protocol.tcp, Protocol.udp].flatMap((protocol) =>
      [80, 81, 443].map((port) => ({
        source,
        destination,
        protocol,
        sourcePort: port === 80 ? 81 : 80,
        destinationPort: port,
      })),
    ),
    ...[8, 0].flatMap((type) =>
      [0, 1].map((code) => ({ source, destination, protocol: Protocol.icmp, icmp: { type, code } })),
    ),
  ]),
);

describe("a rule that covers another", () => {
  it("matches every packet that the other does", () => {
    let met = 0;
    const property = fc.property(pairs, ([narrow, wide]) => {
      if (narrow.broken !== undefined || wide.broken !== undefined || !covers(wide, narrow)) return;
      met += 1;
      for (const packet of packets) {
        if (ruleMatches(narrow, packet, all)) expect(ruleMatches(wide, packet, all)).toBe(true);
      }
    });
    fc.assert(property, { numRuns: 6_000, seed: 20_261_121 });
    expect(met).toBeGreaterThan(300);
  });

  it("does not where it leaves out a port by a name that more endpoints give", () => {
    const leaving = (selector?: string) =>
      read({ protocol: "TCP", destination: { ...(selector && { selector }), notPorts: ["http"] } });
    expect(covers(leaving(), leaving("a == 'x'"))).toBe(false);
    expect(covers(leaving("a == 'x'"), leaving("a == 'x'"))).toBe(true);
  });

  it("is itself one of them", () => {
    const property = fc.property(written.map(read), (rule) => rule.broken !== undefined || covers(rule, rule));
    fc.assert(property, { numRuns: 500, seed: 1 });
  });
});
