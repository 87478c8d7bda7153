import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSpeaker, formatAttributes, type Speaker } from "@ocicat/bgp";
import { linesOf } from "@ocicat/bgp/mrt";
import { systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { Scope, silentLogger } from "@ocicat/kit";
import { type Ipv4, parseAddress, parsePrefix } from "@ocicat/net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { tcpTransport } from "../../src/bgp/tcp-transport.ts";
import { mrtEntries } from "../../src/record/mrt-file.ts";
import { readSpeakConfiguration } from "../../src/speak/configuration.ts";
import { startSpeaking } from "../../src/speak/speak.ts";

// Loopback addresses of this process's own, so that two runs at once do not meet.
const NET = `127.${64 + (process.pid & 63)}.${(process.pid >> 6) & 255}`;
const PORT = 1792;
const address = (text: string) => parseAddress(text) as Ipv4;

let directory: string;
let scope: Scope;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "oct-record-"));
  scope = new Scope("test");
});
afterEach(async () => {
  await scope.close();
  rmSync(directory, { recursive: true, force: true });
});
const at = (name: string) => join(directory, name);

function start(extra: Readonly<Record<string, unknown>>, within = scope) {
  const configuration = readSpeakConfiguration(
    {
      asNumber: 64512,
      routerId: "10.0.0.1",
      listen: `${NET}.1:${PORT}`,
      routes: ["10.96.0.0/12"],
      peers: [{ name: "tor", peerIP: `${NET}.2`, asNumber: 64513, passive: true }],
      ...extra,
    },
    "speak.yaml",
  );
  return startSpeaking(configuration, {
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    scope: within,
  });
}

/** A router that tells five routes, two sets of attributes among them. */
async function router(): Promise<Speaker> {
  const speaker = createSpeaker({
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    transport: tcpTransport(),
    localAs: 64513,
    routerId: address("10.0.0.2"),
  });
  await speaker.start();
  scope.add("router", () => speaker.stop());
  // Loopback is no next hop.
  const nextHop = address("192.0.2.2");
  speaker.setOriginated(
    [1, 2, 3, 4, 5].map((host) => ({
      prefix: parsePrefix(`10.244.${host}.0/26`),
      origin: "block",
      attributes: { nextHop, communities: host < 3 ? [(64513 << 16) | 7] : [] },
    })),
  );
  const remote = {
    remoteAddress: address(`${NET}.1`),
    remotePort: PORT,
    remoteAs: 64512,
    nextHopMode: "keep",
  } as const;
  speaker.setPeers([{ name: "ours", ...remote, localAddress: address(`${NET}.2`) }]);
  return speaker;
}

const learned = (speaker: Speaker) =>
  [...speaker.received("tor")].map(({ prefix, attributes }) => `${prefix} ${formatAttributes(attributes).join("; ")}`);

async function download(socketPath: string, path: string): Promise<Buffer> {
  return await new Promise((resolve, reject) => {
    request({ socketPath, path }, (response) => {
      const pieces: Buffer[] = [];
      response.on("data", (piece: Buffer) => pieces.push(piece));
      response.on("end", () => resolve(Buffer.concat(pieces)));
    })
      .on("error", reject)
      .end();
  });
}

async function lines(file: string): Promise<string[]> {
  const all: string[] = [];
  for await (const entry of mrtEntries(file)) all.push(...linesOf(entry));
  return all;
}

/** Fields of each packet, between bars. */
function tshark(file: string, filter: string, ...fields: readonly string[]): string[] {
  const { stdout, stderr, status } = spawnSync(
    "tshark",
    ["-n", "-d", `tcp.port==${PORT},bgp`, "-r", file, "-Y", filter, "-T", "fields", "-E", "separator=|"].concat(
      fields.flatMap((field) => ["-e", field]),
    ),
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Error(stderr);
  return stdout.split("\n").filter((line) => line !== "");
}

describe("what a speaker writes down", () => {
  it("is its table, its messages and its packets, and each can be read by others", async () => {
    const running = scope.child("speaker");
    const socket = at("speaker.sock");
    const { speaker } = await start(
      {
        socket,
        mrt: { messages: at("messages.mrt"), table: { file: at("table-%s.mrt"), everyS: 1 } },
        pcap: at("said.pcap"),
      },
      running,
    );
    await router();
    await expect.poll(() => learned(speaker).length).toBe(5);
    writeFileSync(at("live.mrt"), await download(socket, "/bgp/mrt"));
    await expect
      .poll(() => readdirSync(directory).some((name) => /^table-\d+\.mrt$/.test(name)), { timeout: 5_000 })
      .toBe(true);
    await running.close();
    expect(readdirSync(directory).filter((name) => name.endsWith(".partial"))).toEqual([]);

    // Its table: as bgpdump reads it, and the routes of its own with no peer.
    const table = (await lines(at("live.mrt"))).map((line) => line.replace(/\|\d+\|B/, "|time|B"));
    expect(table).toHaveLength(6);
    expect(table).toContain(`TABLE_DUMP2|time|B|${NET}.2|64513|10.244.1.0/26|64513|IGP|192.0.2.2|0|0|64513:7|NAG||`);
    expect(table).toContain("TABLE_DUMP2|time|B|0.0.0.0|0|10.96.0.0/12||IGP|0.0.0.0|0|0||NAG||");
    const theirs = spawnSync("bgpdump", ["-m", at("live.mrt")], { encoding: "utf8" })
      .stdout.trim()
      .split("\n");
    expect(theirs).toEqual(await lines(at("live.mrt")));

    // Its messages, in order, each way.
    const messages = (await lines(at("messages.mrt"))).map((line) => line.split("|"));
    const of = (kind: string) => messages.filter((fields) => fields[2] === kind);
    expect(of("OPEN")).toEqual([expect.arrayContaining([`${NET}.2`, "64513", "AS 64513"])]);
    expect(of(">OPEN")).toEqual([expect.arrayContaining(["AS 64512"])]);
    expect(of("A").map((fields) => fields[5])).toHaveLength(5);
    expect(of(">A").map((fields) => fields[5])).toEqual(["10.96.0.0/12"]);
    expect(of(">NOTIFICATION")).toHaveLength(1);
    expect(of("STATE").map((fields) => fields.slice(5).join(" "))).toContain("5 6");
    const times = messages.map((fields) => Number(fields[1]));
    expect(times).toEqual([...times].sort((a, b) => a - b));

    // Its packets, as tshark reads them: whole, in order, checksums right.
    const pcap = at("said.pcap");
    const prefixes = tshark(pcap, "bgp.type == 2", "ip.src", "bgp.nlri_prefix").join(" ");
    for (const prefix of ["10.244.1.0", "10.244.5.0", "10.96.0.0"]) expect(prefixes).toContain(prefix);
    expect(tshark(pcap, "bgp.type == 1", "ip.src", "bgp.open.myas")).toEqual(
      expect.arrayContaining([`${NET}.1|64512`, `${NET}.2|64513`]),
    );
    expect(tshark(pcap, "tcp.analysis.flags || _ws.malformed || tcp.options.md5", "frame.number")).toEqual([]);
    const sums = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-r", pcap];
    const bad = ["-Y", "tcp.checksum.status == 0 || ip.checksum.status == 0"];
    expect(spawnSync("tshark", ["-n", ...sums, ...bad], { encoding: "utf8" }).stdout).toBe("");
    expect(tshark(pcap, "tcp.flags.fin == 1 || tcp.flags.reset == 1", "frame.number").length).toBeGreaterThan(0);
  });

  it("refuses a file's name that means nothing, and a table without its time", () => {
    const read = (record: Readonly<Record<string, unknown>>) => () =>
      readSpeakConfiguration({ asNumber: 1, routerId: "10.0.0.1", ...record }, "speak.yaml");
    expect(read({ pcap: "said-%Q.pcap" })).toThrow("speak.yaml: pcap: %Q in a file's name");
    expect(read({ mrt: { table: "table.mrt" } })).toThrow("speak.yaml: mrt.table: everyS is missing");
    expect(read({ mrt: { tabel: "x" } })).toThrow("speak.yaml: mrt: there is no field tabel");
  });
});

describe("a file that is played", () => {
  /** What a speaker knows of a router, as a table and as messages. */
  async function recorded(): Promise<string[]> {
    const running = scope.child("speaker");
    const socket = at("speaker.sock");
    const { speaker } = await start({ socket, mrt: { messages: at("messages.mrt") } }, running);
    await router();
    await expect.poll(() => learned(speaker).length).toBe(5);
    writeFileSync(at("table.mrt"), await download(socket, "/bgp/mrt"));
    const routes = learned(speaker);
    await running.close();
    return routes.sort();
  }

  it.each(["table.mrt", "messages.mrt"])(
    "%s says again what the peer said, through the peer's filters",
    async (name) => {
      const routes = await recorded();
      const filters = {
        some: { importV4: [{ action: "Accept", matchOperator: "In", cidr: "10.244.4.0/22" }, { action: "Reject" }] },
      };
      const peers = [{ name: "tor", peerIP: `${NET}.2`, asNumber: 64513, filters: ["some"] }];
      const { speaker, replay } = await start({ listen: "none", routes: [], peers, filters });
      await replay({ file: at(name), speed: undefined });
      if (name === "table.mrt") {
        await expect.poll(() => learned(speaker).sort()).toEqual(routes);
        expect([...speaker.received("tor")].filter(({ accepted }) => accepted !== undefined)).toHaveLength(2);
        expect(speaker.status()).toMatchObject([{ name: "tor", state: "Established", received: 5, accepted: 2 }]);
      } else {
        // The session ended in the file, and so do its routes here.
        await expect.poll(() => speaker.status()[0]?.received).toBe(0);
      }
    },
  );

  it("of a peer that nobody configured is let in, and of another AS than configured is refused", async () => {
    await recorded();
    const { speaker, replay } = await start({ listen: "none", routes: [], peers: [] });
    await replay({ file: at("table.mrt"), speed: undefined });
    await expect.poll(() => speaker.status()[0]?.accepted).toBe(5);
    expect(speaker.status()[0]?.name).toBe(`replay-${NET}.2`);
    await scope.close();
    scope = new Scope("again");
    const peers = [{ name: "tor", peerIP: `${NET}.2`, asNumber: 64999 }];
    const other = await start({ listen: "none", routes: [], peers });
    await expect(other.replay({ file: at("table.mrt"), speed: undefined })).rejects.toThrow("of AS 64513 there");
  });

  it("that is cut off is played up to there, and refused", async () => {
    await recorded();
    const whole = readFileSync(at("table.mrt"));
    writeFileSync(at("half.mrt"), whole.subarray(0, whole.length - 3));
    const { speaker, replay } = await start({ listen: "none", routes: [], peers: [] });
    await expect(replay({ file: at("half.mrt"), speed: undefined })).rejects.toThrow(
      /half\.mrt, byte \d+: the file ends/,
    );
    expect(speaker.status().length).toBeLessThanOrEqual(1);
  });
});
