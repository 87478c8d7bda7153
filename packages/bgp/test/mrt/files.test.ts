import { isOcicatError } from "@ocicat/kit";
import { type Ipv4, type Ipv6, ipv4, ipv6, Prefix } from "@ocicat/net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeMessage, encodeStateChange } from "../../src/mrt/bgp4mp.ts";
import { type DumpedPeer, dumpTable, linesOf, MrtDecoder, type MrtEntry, MrtReader } from "../../src/mrt/index.ts";
import { encodeRecord, MRT_TYPE } from "../../src/mrt/record.ts";
import type { RibPeer } from "../../src/rib/sources.ts";
import type { TableRow } from "../../src/rib/table.ts";
import { encodeControl } from "../../src/wire/codec.ts";
import { anyIpv4, anyIpv6, attributes, prefix4, prefix6 } from "../support/arbitraries.ts";

const TIME = 1_767_225_600_123_456n;

const peers: readonly DumpedPeer[] = [
  { routerId: ipv4(1), address: ipv4(0x0a00_0001), as: 64512, since: 1_700_000_000, addPath: false },
  { routerId: ipv4(2), address: ipv6(0xfd00n << 112n), as: 4_200_000_000, since: 0, addPath: true },
];

const ribPeer = ({ address, as, routerId }: DumpedPeer): RibPeer => ({
  name: "peer",
  address,
  as,
  internal: false,
  routerId,
});

const path = <H extends Ipv4 | Ipv6>(hop: fc.Arbitrary<H>) =>
  fc.record({
    peer: fc.constantFrom(undefined, ...peers.map(ribPeer)),
    pathId: fc.integer({ min: 0, max: 0xffff_ffff }),
    attributes: attributes(hop),
  });

const row: fc.Arbitrary<TableRow> = fc.oneof(
  fc.record({ prefix: prefix4, paths: fc.array(path(anyIpv4), { minLength: 1, maxLength: 4 }) }),
  // RFC 8950.
  fc.record({ prefix: prefix4, paths: fc.array(path(anyIpv6), { minLength: 1, maxLength: 2 }) }),
  fc.record({ prefix: prefix6, paths: fc.array(path(anyIpv6), { minLength: 1, maxLength: 4 }) }),
);

function fileOf(rows: readonly TableRow[]): Uint8Array {
  return joined([...dumpTable({ routerId: ipv4(9), peers, rows, time: TIME })]);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** In pieces of `step` bytes. */
function read(bytes: Uint8Array, step = bytes.length): MrtEntry[] {
  const reader = new MrtReader("file");
  const decoder = new MrtDecoder("file");
  const entries: MrtEntry[] = [];
  for (let at = 0; at < bytes.length; at += step) {
    reader.push(bytes.subarray(at, at + step));
    for (let record = reader.next(); record !== undefined; record = reader.next()) entries.push(decoder.decode(record));
  }
  reader.end();
  return entries;
}

/** The error's text, or undefined. Anything but MRT_DAMAGED is thrown on. */
function damageOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (isOcicatError(error) && error.code === "MRT_DAMAGED") return error.message;
    throw error;
  }
}

describe("a table's file (RFC 6396 §4.3, RFC 8050)", () => {
  it("is read as it was written, in whatever pieces it comes", () => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 8 }), fc.integer({ min: 1, max: 700 }), (rows, step) => {
        const [index, ...entries] = read(fileOf(rows), step);
        expect(index).toMatchObject({ kind: "peers", collector: 9, peers: [{ as: 0 }, { as: 64512 }, {}] });
        const back = entries.map((entry) => {
          if (entry.kind !== "paths") throw new Error(entry.kind);
          const paths = entry.paths.map(({ peer, pathId, attributes: set }) => [peer.address, pathId, set]);
          return [entry.prefix.toString(), paths];
        });
        const wanted = rows.map(({ prefix, paths }) => {
          // Identifiers stand where a peer among them tells several paths.
          const withIds = paths.some(({ peer }) => peer?.address === peers[1]?.address);
          return [
            prefix.toString(),
            paths.map(({ peer, pathId, attributes: set }) => [peer?.address ?? 0, withIds ? pathId : undefined, set]),
          ];
        });
        expect(back).toEqual(wanted);
      }),
      { numRuns: 100 },
    );
  });

  it("has no paths of peers that came after it was begun", () => {
    const newcomer = { ...peers[0], address: ipv4(77) } as DumpedPeer;
    const [prefix] = fc.sample(prefix4, 1);
    const [set] = fc.sample(attributes(anyIpv4), 1);
    if (prefix === undefined || set === undefined) throw new Error("nothing sampled");
    const rows = [{ prefix, paths: [{ peer: ribPeer(newcomer), pathId: 0, attributes: set }] }];
    expect(read(fileOf(rows)).map(({ kind }) => kind)).toEqual(["peers"]);
  });

  it("is refused from where it is cut off, and read up to there", () => {
    const whole = fileOf(fc.sample(row, { numRuns: 4, seed: 7 }));
    const ends = read(whole).map(({ record }) => record.offset);
    for (let length = 1; length < whole.length; length++) {
      const damage = damageOf(() => read(whole.subarray(0, length)));
      if (ends.includes(length)) expect(damage).toBeUndefined();
      else {
        const start = ends.findLast((offset) => offset < length);
        expect(damage).toContain(`file, byte ${start}: the file ends within a record`);
      }
    }
  });

  it("that is mutated is refused with a place, or says something else, and no more", () => {
    let refused = 0;
    fc.assert(
      fc.property(
        fc.array(row, { minLength: 1, maxLength: 3 }),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 }),
        (rows, changes) => {
          const bytes = fileOf(rows);
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          const damage = damageOf(() => read(bytes).flatMap(linesOf));
          if (damage === undefined) return;
          refused += 1;
          expect(damage).toMatch(/^file, byte \d+: /);
        },
      ),
      { numRuns: 300 },
    );
    expect(refused).toBeGreaterThan(30);
  });
});

describe("a table of many routes", () => {
  // MRT_ROUTES=1000000 for a whole Internet's.
  const routes = Number(process.env.MRT_ROUTES ?? 100_000);

  function* rows(): IterableIterator<TableRow> {
    const [peer] = peers;
    if (peer === undefined) return;
    const from = ribPeer(peer);
    for (let n = 0; n < routes; n++) {
      const asPath = [{ type: "sequence" as const, asns: [64512, n % 1000, n % 777] }];
      const attributes = { origin: 0 as const, asPath, nextHop: ipv4(1) };
      yield { prefix: Prefix.of(ipv4(0x0a00_0000 + n * 64), 26), paths: [{ peer: from, pathId: 0, attributes }] };
    }
  }

  it("is written and read with no more memory than a few records need", () => {
    const reader = new MrtReader("file");
    const decoder = new MrtDecoder("file");
    let paths = 0;
    let most = 0;
    const before = memory();
    for (const piece of dumpTable({ routerId: ipv4(9), peers, rows: rows(), time: TIME })) {
      reader.push(piece);
      for (let record = reader.next(); record !== undefined; record = reader.next()) {
        const entry = decoder.decode(record);
        if (entry.kind === "paths") paths += entry.paths.length;
      }
      if (paths % 10_000 === 0) most = Math.max(most, memory());
    }
    reader.end();
    expect(paths).toBe(routes);
    // What waits for a collection; held, 100,000 decoded routes are more than 150 MiB.
    expect((most - before) / 2 ** 20).toBeLessThan(100);
  });
});

function memory(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

describe("a session's file (RFC 6396 §4.4)", () => {
  const session = { peerAs: 64513, peerAddress: ipv4(2), localAs: 64512, localAddress: ipv4(1) };

  it.each([
    [false, false, false, 1],
    [true, false, false, 4],
    [false, true, false, 6],
    [true, true, false, 7],
    [false, false, true, 8],
    [true, false, true, 9],
    [false, true, true, 10],
    [true, true, true, 11],
  ])("four octets %s, sent %s, path identifiers %s: subtype %i", (as4, sent, addPath, subtype) => {
    const message = encodeControl({ type: "keepalive" });
    const form = encodeMessage({ ...session, as4, sent, addPath, message });
    expect(form.subtype).toBe(subtype);
    const [entry] = read(encodeRecord({ time: TIME, type: MRT_TYPE.bgp4mpEt, ...form }));
    expect(entry).toMatchObject({ kind: "message", ...session, as4, sent, addPath, decoded: { type: "keepalive" } });
    expect(entry?.record.time).toBe(TIME);
  });

  it("tells states by RFC 4271's numbers", () => {
    const form = encodeStateChange({ ...session, from: 5, to: 6 });
    const [entry] = read(encodeRecord({ time: TIME, type: MRT_TYPE.bgp4mpEt, ...form }));
    if (entry === undefined) throw new Error("nothing read");
    expect(linesOf(entry)).toEqual(["BGP4MP_ET|1767225600.123456|STATE|0.0.0.2|64513|5|6"]);
  });

  it("is refused where a family or a message cannot be", () => {
    const record = (form: { subtype: number; body: Uint8Array }) =>
      encodeRecord({ time: TIME, type: MRT_TYPE.bgp4mp, ...form });
    const change = encodeStateChange({ ...session, from: 1, to: 2 });
    const bad = (at: number, value: number) => {
      const body = change.body.slice();
      body[at] = value;
      return damageOf(() => read(record({ ...change, body })));
    };
    expect(bad(11, 7)).toMatch(/^file, byte 0: .*addresses of family 7/);
    const half = encodeMessage({
      ...session,
      as4: true,
      sent: false,
      addPath: false,
      message: encodeControl({ type: "keepalive" }).subarray(0, 18),
    });
    expect(damageOf(() => read(record(half)))).toMatch(/^file, byte 0: .*no whole message/);
  });

  it("names what it does not know, and goes on", () => {
    const strange = encodeRecord({ time: TIME, type: 48, subtype: 3, body: Uint8Array.of(1, 2) });
    const known = encodeRecord({
      time: TIME,
      type: MRT_TYPE.bgp4mp,
      ...encodeStateChange({ ...session, from: 1, to: 2 }),
    });
    const lines = read(joined([strange, known])).flatMap(linesOf);
    expect(lines).toEqual(["OTHER|1767225600|type 48.3|2 bytes", "BGP4MP|1767225600|STATE|0.0.0.2|64513|1|2"]);
  });
});
