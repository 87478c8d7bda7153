import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Address, type Ipv4, parseAddress, parsePrefix } from "@ocicat/net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeMessage, encodeStateChange } from "../../src/mrt/bgp4mp.ts";
import { dumpTable, linesOf, MrtDecoder, MrtReader } from "../../src/mrt/index.ts";
import { encodeRecord, MRT_TYPE } from "../../src/mrt/record.ts";
import type { AsPath, PathAttributes } from "../../src/wire/attributes/types.ts";
import { encodeControl } from "../../src/wire/codec.ts";
import { DEFAULT_CONTEXT } from "../../src/wire/context.ts";
import { packAnnouncements, packWithdrawals } from "../../src/wire/pack.ts";
import { address4 } from "../support/lab.ts";

const TIME = 1_767_225_600_123_456n;
const directory = mkdtempSync(join(tmpdir(), "oct-mrt-"));
const file = join(directory, "file.mrt");
beforeAll(() => {
  if (spawnSync("bgpdump", ["-T"]).error !== undefined) throw new Error("bgpdump is missing: apt-get install bgpdump");
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** What bgpdump says of bytes, and what we say, large communities aside: it has none. */
function both(bytes: Uint8Array): { readonly theirs: readonly string[]; readonly ours: readonly string[] } {
  writeFileSync(file, bytes);
  const { stdout, stderr } = spawnSync("bgpdump", ["-m", file], { encoding: "utf8" });
  const reader = new MrtReader("file");
  const decoder = new MrtDecoder("file");
  reader.push(bytes);
  const ours: string[] = [];
  for (let record = reader.next(); record !== undefined; record = reader.next())
    ours.push(...linesOf(decoder.decode(record)).map((line) => line.replace(LARGE, "|")));
  reader.end();
  const theirs = stdout.split("\n").filter((line) => line !== "");
  if (theirs.length === 0) throw new Error(`bgpdump said nothing: ${stderr}`);
  return { theirs, ours };
}

const LARGE = /\|64512:1:2 64512:3:4$/;

const path: AsPath = [
  { type: "sequence", asns: [64513, 4_200_000_001] },
  { type: "set", asns: [1, 2] },
];
const plain: PathAttributes = { origin: 0, asPath: path, nextHop: address4("192.0.2.1") };
const rich: PathAttributes = {
  ...plain,
  origin: 2,
  med: 7,
  localPref: 150,
  atomicAggregate: true,
  aggregator: { as: 64513, address: address4("10.0.0.9") },
  communities: [(64512 << 16) | 100, 0xffff_ff01, 0xffff_ff02, 0xffff_ff03, 0xffff_0000],
  largeCommunities: [
    [64512, 1, 2],
    [64512, 3, 4],
  ],
};

const peer = (address: string, as: number, addPath = false) => ({
  routerId: address4("10.0.0.1"),
  address: parseAddress(address),
  as,
  since: 1_700_000_000,
  addPath,
});

const from = (address: Address, pathId = 0) => ({
  pathId,
  peer: { name: "", address, as: 0, internal: false, routerId: 0 as Ipv4 },
});

describe("bgpdump, of a table", () => {
  const dump = (addPath: boolean) => {
    const peers = [peer("10.0.0.11", 64513, addPath), peer("fd00::12", 4_200_000_000, addPath)];
    const [one, two] = [from(parseAddress("10.0.0.11"), 5), from(parseAddress("fd00::12"), 6)];
    const six = { ...rich, nextHop: parseAddress("fd00::99") };
    const rows = [
      {
        prefix: parsePrefix("10.244.0.0/26"),
        paths: [
          { ...one, attributes: plain },
          { ...two, attributes: rich },
        ],
      },
      { prefix: parsePrefix("0.0.0.0/0"), paths: [{ ...one, attributes: rich }] },
      { prefix: parsePrefix("fd10::/122"), paths: [{ ...two, attributes: six }] },
    ];
    return Buffer.concat([...dumpTable({ routerId: address4("10.0.0.1"), peers, rows, time: TIME })]);
  };

  it("says the same, line by line", () => {
    const { theirs, ours } = both(dump(false));
    expect(theirs).toHaveLength(4);
    expect(ours).toEqual(theirs);
  });

  it("says the same of one with path identifiers (RFC 8050)", () => {
    const { theirs, ours } = both(dump(true));
    expect(theirs).toHaveLength(4);
    expect(ours).toEqual(theirs);
  });
});

describe("bgpdump, of a session", () => {
  const four = {
    peerAs: 64513,
    peerAddress: address4("10.0.0.11"),
    localAs: 64512,
    localAddress: address4("10.0.0.1"),
  };
  const six = { ...four, peerAddress: parseAddress("fd00::11"), localAddress: parseAddress("fd00::1") };

  const update = (as4: boolean, addPath: boolean): Uint8Array[] => {
    const context = { ...DEFAULT_CONTEXT, as4 };
    const ids = addPath ? [11, 12] : undefined;
    const prefixes = ["10.244.0.0/26", "10.244.1.0/24"].map((text) => parsePrefix(text));
    return [...packAnnouncements(rich, 4, prefixes, context, ids), ...packWithdrawals(4, prefixes, context, ids)];
  };

  it.each([
    ["two octets", false, false],
    ["four octets", true, false],
    ["four octets and path identifiers", true, true],
  ])("says the same with AS numbers of %s", (_name, as4, addPath) => {
    const records = update(as4, addPath).map((message) =>
      encodeRecord({
        time: TIME,
        type: MRT_TYPE.bgp4mpEt,
        ...encodeMessage({ ...four, as4, sent: false, addPath, message }),
      }),
    );
    const { theirs, ours } = both(Buffer.concat(records));
    expect(theirs).toHaveLength(4);
    expect(ours).toEqual(theirs);
  });

  it("says the same over IPv6, of states too, and nothing of messages without routes", () => {
    const context = DEFAULT_CONTEXT;
    const attributes = { ...rich, nextHop: parseAddress("fd00::99") };
    const messages = [
      ...packAnnouncements(attributes, 6, [parsePrefix("fd10::/122")], context),
      ...packWithdrawals(6, [parsePrefix("fd10::/122")], context),
      encodeControl({ type: "keepalive" }),
    ];
    const form = { as4: true, sent: false, addPath: false };
    const { theirs, ours } = both(
      Buffer.concat([
        ...messages.map((message) =>
          encodeRecord({ time: TIME, type: MRT_TYPE.bgp4mp, ...encodeMessage({ ...six, ...form, message }) }),
        ),
        encodeRecord({
          time: TIME,
          type: MRT_TYPE.bgp4mp,
          ...encodeStateChange({ ...six, from: 6, to: 1 }),
        }),
      ]),
    );
    expect(theirs).toHaveLength(3);
    expect(ours.filter((line) => !line.includes("KEEPALIVE"))).toEqual(theirs);
  });
});
