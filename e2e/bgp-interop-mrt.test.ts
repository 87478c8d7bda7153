import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mrtEntries } from "../packages/agent/src/record/mrt-file.ts";
import { tableFile } from "../packages/agent/src/record/table-file.ts";
import { linesOf } from "../packages/bgp/src/mrt/index.ts";
import { eventually } from "../packages/bgp/test/support/real-clock.ts";
import { parsePrefix } from "../packages/net/src/index.ts";
import { birdDaemon } from "./support/bgp/bird.ts";
import type { Daemon, DaemonSession } from "./support/bgp/daemon.ts";
import { frrDaemon } from "./support/bgp/frr.ts";
import { gobgpDaemon } from "./support/bgp/gobgp.ts";
import { Ours } from "./support/bgp/ours.ts";
import { Segment } from "./support/bgp/segment.ts";

const AS = 64512;
const THEIRS = {
  prefix: "10.2.0.0/24",
  communities: ["64512:100"],
  largeCommunities: ["64512:1:2"],
  med: 70,
} as const;
const OURS = {
  prefix: parsePrefix("10.1.0.0/24"),
  origin: "test",
  attributes: { communities: [(64512 << 16) | 7], med: 9 },
} as const;

// GoBGP takes digits in a file's name for a format of the time.
const run = Array.from(String(process.pid), (digit) => "abcdefghij"[Number(digit)]).join("");
const directory = join(tmpdir(), `oct-mrt-${run}`);
mkdirSync(directory);
// FRR is not root.
chmodSync(directory, 0o777);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Fields of each line. Of a file that is being written the last record may be half there. */
async function read(file: string): Promise<string[][]> {
  const lines: string[][] = [];
  try {
    for await (const entry of mrtEntries(file)) lines.push(...linesOf(entry).map((line) => line.split("|")));
  } catch (error) {
    if (!String(error).includes("the file ends within a record")) throw error;
  }
  return lines;
}

/** Fields behind the kind of record and its time, of lines of that kind about a prefix. */
function about(lines: readonly string[][], kind: string, prefix: string): string[][] {
  return lines.filter((fields) => fields[2] === kind && fields[5] === prefix).map((fields) => fields.slice(3, 13));
}

const session = (segment: Segment): DaemonSession => ({
  as: AS,
  peerAs: AS,
  transport: 4,
  families: [4],
  peers: [segment.ours(4)],
  routes: [THEIRS],
});

describe.each([
  ["BIRD", birdDaemon],
  ["FRR", (segment: Segment) => frrDaemon(segment)],
  ["GoBGP", gobgpDaemon],
] as const)("files of %s", (name, make) => {
  const segment = new Segment();
  const file = (kind: string) => join(directory, `${name}.${kind}.mrt`);
  let daemon: Daemon;
  let ours: Ours | undefined;

  beforeAll(async () => {
    segment.up();
    daemon = make(segment);
    await daemon.start({ ...session(segment), messages: file("messages") });
    ours = new Ours({ segment, transport: 4, as: AS, peerAs: AS }, name);
    await ours.start([OURS]);
    await ours.route(THEIRS.prefix);
    await eventually(
      "our route",
      () => daemon.seen("10.1.0.0/24").length,
      (count) => count === 1,
      20_000,
    );
  });
  afterAll(async () => {
    await ours?.stop();
    await daemon.stop();
    segment.down();
  });

  it("tell what was said on a session", async () => {
    const ourRoute = [
      segment.ours(4),
      `${AS}`,
      "10.1.0.0/24",
      "",
      "IGP",
      segment.ours(4),
      "100",
      "9",
      "64512:7",
      "NAG",
    ];
    const lines = async () => about(await read(file("messages")), "A", "10.1.0.0/24");
    await expect.poll(lines, { timeout: 15_000 }).toEqual([ourRoute]);
  });

  it.runIf(name !== "GoBGP")("tell a table: its routes and ours, with their attributes", async () => {
    daemon.dumpTable?.(file("table"));
    await expect
      .poll(() => statSync(file("table"), { throwIfNoEntry: false })?.size ?? 0, { timeout: 15_000 })
      .toBeGreaterThan(100);
    await expect
      .poll(async () => about(await read(file("table")), "B", "10.1.0.0/24"), { timeout: 15_000 })
      .toMatchObject([
        [segment.ours(4), `${AS}`, "10.1.0.0/24", "", "IGP", segment.ours(4), "100", "9", "64512:7", "NAG"],
      ]);
  });
});

describe("a file of ours", () => {
  it("of what BIRD told us, bgpdump reads as we do", async () => {
    const segment = new Segment();
    segment.up();
    const bird = birdDaemon(segment);
    const ours = new Ours({ segment, transport: 4, as: AS, peerAs: AS }, "BIRD");
    const file = join(directory, "ours.mrt");
    try {
      await bird.start(session(segment));
      await ours.start([OURS]);
      await ours.route(THEIRS.prefix);
      const pieces: Uint8Array[] = [];
      for await (const piece of tableFile(ours.speaker, Date.now())) pieces.push(piece);
      writeFileSync(file, Buffer.concat(pieces));
    } finally {
      await ours.stop();
      await bird.stop();
      segment.down();
    }
    const theirs = execFileSync("bgpdump", ["-m", file], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    const lines = theirs.trim().split("\n");
    const hop = segment.theirs(4);
    expect(
      about(
        lines.map((line) => line.split("|")),
        "B",
        THEIRS.prefix,
      ),
    ).toEqual([[hop, `${AS}`, THEIRS.prefix, "", "IGP", hop, "100", "70", "64512:100", "NAG"]]);
    // Large communities bgpdump does not show.
    expect(lines).toEqual((await read(file)).map((fields) => [...fields.slice(0, -1), ""].join("|")));
  });
});
