import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type DumpedPeer, dumpTable } from "@ocicat/bgp/mrt";
import { type Ipv4, ipv4, parseAddress, parsePrefix } from "@ocicat/net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { always, startAgent } from "./support/agent.ts";
import { terminal } from "./support/terminal.ts";

const address = parseAddress("192.0.2.1") as Ipv4;
const peers: readonly DumpedPeer[] = [{ routerId: ipv4(1), address, as: 64513, since: 1_767_225_600, addPath: false }];
const peer = { name: "", address, as: 64513, internal: false, routerId: ipv4(1) };
const asPath = [{ type: "sequence" as const, asns: [64513] }];
const rows = ["10.1.0.0/16", "10.2.0.0/16"].map((prefix) => ({
  prefix: parsePrefix(prefix),
  paths: [{ peer, pathId: 0, attributes: { origin: 0 as const, asPath, nextHop: address } }],
}));
const bytes = Buffer.concat([...dumpTable({ routerId: ipv4(9), peers, rows, time: 1_767_225_600_000_000n })]);
const line = (prefix: string) => `TABLE_DUMP2|1767225600|B|192.0.2.1|64513|${prefix}|64513|IGP|192.0.2.1|0|0||NAG||\n`;

const directory = mkdtempSync(join(tmpdir(), "oct-cli-mrt-"));
const file = (name: string) => join(directory, name);
beforeAll(() => {
  writeFileSync(file("table.mrt"), bytes);
  writeFileSync(file("table.mrt.gz"), gzipSync(bytes));
  writeFileSync(file("half.mrt"), bytes.subarray(0, bytes.length - 5));
  writeFileSync(file("table.mrt.bz2"), "BZh9");
});
afterAll(() => rmSync(directory, { recursive: true }));

const read = (...args: readonly string[]) => terminal({})("bgp", "mrt", "read", ...args);

describe("bgp mrt read", () => {
  it.each(["table.mrt", "table.mrt.gz"])("prints a line for each path of %s", async (name) => {
    const stdout = `${line("10.1.0.0/16")}${line("10.2.0.0/16")}`;
    expect(await read(file(name))).toMatchObject({ code: 0, stdout, stderr: "" });
  });

  it("prints an object for each record", async () => {
    const { stdout } = await read(file("table.mrt"), "-o", "json");
    const records = stdout
      .trim()
      .split("\n")
      .map((text) => JSON.parse(text) as unknown);
    expect(records).toMatchObject([
      { offset: 0, kind: "peers", collector: "0.0.0.9", peers: [{ as: 0 }, { address: "192.0.2.1", as: 64513 }] },
      {
        kind: "paths",
        time: "2026-01-01T00:00:00.000Z",
        prefix: "10.1.0.0/16",
        paths: [{ peer: "192.0.2.1", nextHop: "192.0.2.1", attributes: ["ORIGIN: IGP", "AS_PATH: 64513"] }],
      },
      { kind: "paths", prefix: "10.2.0.0/16" },
    ]);
  });

  it("prints what stands before a damaged place, and says where that is", async () => {
    const { code, stdout, stderr } = await read(file("half.mrt"));
    expect({ code, stdout }).toEqual({ code: 1, stdout: line("10.1.0.0/16") });
    expect(stderr).toMatch(
      /half\.mrt, byte \d+: the file ends within a record \(\d+ bytes are there, of \d+ bytes\); what stands before/,
    );
  });

  it("says what to do with a file that it cannot open", async () => {
    expect((await read(file("table.mrt.bz2"))).stderr).toContain("bunzip2 -c");
    expect((await read(file("gone.mrt"))).stderr).toContain("ENOENT");
    expect((await read(file("table.mrt"), "-o", "xml")).stderr).toContain('"xml" is not an output format');
  });
});

describe("bgp mrt dump", () => {
  it("leaves no file where the agent refuses", async () => {
    const agent = await startAgent(() => ({ status: 400, body: '{"code":"BGP_NOT_RUNNING","message":"no BGP here"}' }));
    try {
      const env = { OCICAT_AGENT_SOCKET: agent.socket };
      const { code, stderr } = await terminal({ env })("bgp", "mrt", "dump", file("new.mrt"));
      expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining("no BGP here") as string });
      expect([existsSync(file("new.mrt")), existsSync(file("new.mrt.partial"))]).toEqual([false, false]);
    } finally {
      await agent.stop();
    }
  });

  it("writes what the agent sends", async () => {
    const agent = await startAgent(always("table"));
    try {
      const env = { OCICAT_AGENT_SOCKET: agent.socket };
      expect(await terminal({ env })("bgp", "mrt", "dump", file("new.mrt"))).toMatchObject({ code: 0, stderr: "" });
      expect(readFileSync(file("new.mrt"), "utf8")).toContain("table");
    } finally {
      await agent.stop();
    }
  });
});
