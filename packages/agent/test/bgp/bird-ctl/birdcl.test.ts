import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createSpeaker, isPassive, memoryNetwork, type Speaker } from "@ocicat/bgp";
import { Scope, seededRandom, silentLogger, TestClock } from "@ocicat/kit";
import { type Ipv4, parseAddress, parsePrefix } from "@ocicat/net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serveBirdSockets } from "../../../src/bgp/bird-ctl/serve.ts";
import type { BirdSource } from "../../../src/bgp/bird-ctl/source.ts";

const address = (text: string) => parseAddress(text) as Ipv4;
const AT = new Date(2026, 10, 21, 13, 17, 24).getTime();
const run = promisify(execFile);

let directory: string;
const scope = new Scope("test");
let speaker: Speaker;

beforeAll(async () => {
  expect(existsSync("/usr/sbin/birdcl"), "birdcl is missing: apt-get install bird2").toBe(true);
  const clock = new TestClock();
  const network = memoryNetwork(clock);
  const make = (own: string) =>
    createSpeaker({
      clock,
      random: seededRandom(1),
      logger: silentLogger,
      transport: network.host(address(own)),
      localAs: 64512,
      routerId: address(own),
      listen: { port: 179, address: address(own) },
    });
  const peer = (own: string, remote: string) => ({
    name: `Mesh_${remote.replaceAll(".", "_")}`,
    remoteAddress: address(remote),
    localAddress: address(own),
    remoteAs: 64512,
    passive: isPassive(own, remote),
  });
  const [us, them] = [make("192.168.0.81"), make("192.168.0.82")];
  await us.start();
  await them.start();
  us.setPeers([peer("192.168.0.81", "192.168.0.82")]);
  them.setPeers([peer("192.168.0.82", "192.168.0.81")]);
  us.setOriginated([{ prefix: parsePrefix("10.244.42.64/26"), origin: "block" }]);
  const communities = [((64512 << 16) | 100) >>> 0];
  them.setOriginated([
    { prefix: parsePrefix("10.244.103.64/26"), origin: "block" },
    { prefix: parsePrefix("10.244.0.0/16"), origin: "all", attributes: { communities } },
  ]);
  clock.advance(2_000);
  speaker = us;
  directory = mkdtempSync(join(tmpdir(), "oct-birdctl-"));
  await serveBirdSockets(directory, source, silentLogger, scope);
});

afterAll(async () => {
  await scope.close();
  rmSync(directory, { recursive: true });
});

const DOWN = { name: "Global_192_168_0_1", address: "192.168.0.1", state: "Active", info: "no answer on port 179" };

function source(family: 4 | 6): BirdSource {
  const since = new Date(AT + 2_000).toISOString();
  const common = { as: 64512, since, received: 2, accepted: 2, advertised: 1, negotiated: undefined };
  const negotiated = {
    routerId: "192.168.0.82",
    holdTimeS: 90,
    keepaliveS: 30,
    fourOctetAs: true,
    routeRefresh: true,
    gracefulRestart: true,
  };
  const up = { name: "Mesh_192_168_0_82", address: "192.168.0.82", state: "Established", info: "Established" };
  const kernel = [
    { prefix: parsePrefix("0.0.0.0/0"), via: "192.168.0.1", device: "ens33", direct: false },
    { prefix: parsePrefix("192.168.0.0/24"), via: undefined, device: "ens33", direct: true },
    { prefix: parsePrefix("10.244.42.65/32"), via: undefined, device: "cali2009c1121bd", direct: false },
  ];
  return {
    family,
    speaker,
    sessions: () =>
      [
        { ...common, ...up, negotiated },
        { ...common, ...DOWN },
      ] as never,
    routerId: "192.168.0.81",
    hostName: "node1",
    localAs: 64512,
    now: AT + 60_000,
    bootedAt: AT,
    configuredAt: AT + 1_000,
    kernelRoutes: () => kernel,
    interfaceTowards: () => "ens33",
  };
}

async function birdcl(...words: string[]): Promise<string> {
  const { stdout } = await run("/usr/sbin/birdcl", ["-s", join(directory, "bird.ctl"), ...words]);
  return stdout;
}

/** What birdcl prints and ends with an error for. */
async function refused(...words: string[]): Promise<string> {
  return await birdcl(...words).then(
    (text) => expect.fail(`no error: ${text}`),
    (error: { readonly stdout: string }) => error.stdout,
  );
}

describe("birdcl, BIRD's own, is answered", () => {
  it("show status", async () => {
    expect(await birdcl("show", "status")).toBe(
      [
        "BIRD v0.3.3+ocicat ready.",
        "BIRD v0.3.3+ocicat",
        "Router ID is 192.168.0.81",
        "Hostname is node1",
        "Current server time is 2026-11-21 13:18:24",
        "Last reboot on 2026-11-21 13:17:24",
        "Last reconfiguration on 2026-11-21 13:17:25",
        "Daemon is up and running",
        "",
      ].join("\n"),
    );
  });

  it("show protocols, abbreviated too", async () => {
    const text = await birdcl("show", "protocols");
    expect(text).toContain("name     proto    table    state  since       info\n");
    expect(text).toContain("kernel1  Kernel   master   up     13:17:24\n");
    expect(text).toContain("Mesh_192_168_0_82 BGP      master   up     13:17:26    Established\n");
    expect(text).toContain(
      "Global_192_168_0_1 BGP      master   start  13:17:26    Active        no answer on port 179\n",
    );
    expect(await birdcl("sh", "pro")).toBe(text);
  });

  it("show protocols all, of one", async () => {
    const text = await birdcl("show", "protocols", "all", "Mesh_192_168_0_82");
    expect(text).not.toContain("Global_");
    expect(text).toContain("    Neighbor ID:      192.168.0.82\n");
    expect(text).toContain("    Session:          internal multihop AS4\n");
    expect(await birdcl("show", "protocols", '"Glob*"')).not.toContain("Mesh_");
  });

  it("show route, as it looks with Calico's BIRD", async () => {
    expect(await birdcl("show", "route")).toBe(
      [
        "BIRD v0.3.3+ocicat ready.",
        "0.0.0.0/0          via 192.168.0.1 on ens33 [kernel1 13:17:24] * (10)",
        "10.244.0.0/16      via 192.168.0.82 on ens33 [Mesh_192_168_0_82 13:17:26] * (100/0) [i]",
        "10.244.42.64/26    blackhole [static1 13:17:24] * (200)",
        "10.244.42.65/32    dev cali2009c1121bd [kernel1 13:17:24] * (10)",
        "10.244.103.64/26   via 192.168.0.82 on ens33 [Mesh_192_168_0_82 13:17:26] * (100/0) [i]",
        "192.168.0.0/24     dev ens33 [direct1 13:17:24] * (240)",
        "",
      ].join("\n"),
    );
  });

  it("show route for, with all attributes", async () => {
    expect(await birdcl("show", "route", "for", "10.244.103.64/26", "all")).toBe(
      [
        "BIRD v0.3.3+ocicat ready.",
        "10.244.103.64/26   via 192.168.0.82 on ens33 [Mesh_192_168_0_82 13:17:26] * (100/0) [i]",
        "\tType: BGP unicast univ",
        "\tBGP.origin: IGP",
        "\tBGP.as_path: ",
        "\tBGP.next_hop: 192.168.0.82",
        "\tBGP.local_pref: 100",
        "",
      ].join("\n"),
    );
    expect(await birdcl("show", "route", "for", "10.244.200.1", "all")).toContain("BGP.community: (64512,100)");
    expect(await refused("show", "route", "10.244.200.0/24")).toContain("Network not in table");
    expect(await birdcl("show", "route", "protocol", "kernel1")).not.toContain("blackhole");
  });

  it("what it may not do, and what there is not", async () => {
    expect(await refused("configure")).toContain("Access denied");
    expect(await refused("show", "route", "wibble")).toContain("syntax error, unexpected wibble");
  });
});

/** Calico's node status reads the table itself: by the codes, the headings and the columns. */
describe("who reads the socket itself", () => {
  it("finds the headings and columns that Calico's tools know", async () => {
    const text = await new Promise<string>((resolve, reject) => {
      const socket = connect(join(directory, "bird.ctl"));
      let all = "";
      socket.on("error", reject);
      socket.on("data", (bytes) => {
        all += String(bytes);
        if (!/^0000/m.test(all)) return;
        socket.destroy();
        resolve(all);
      });
      socket.write("show protocols\n");
    });
    const lines = text.split("\n");
    expect(lines[0]).toMatch(/^0001 BIRD /);
    expect(lines[1]?.slice(0, 5)).toBe("2002-");
    expect(lines[1]?.slice(5).split(/\s+/)).toEqual(["name", "proto", "table", "state", "since", "info"]);
    expect(lines[2]?.slice(0, 5)).toBe("1002-");
    const mesh = lines.find((line) => line.includes("Mesh_"));
    expect(mesh?.startsWith(" ")).toBe(true);
    expect(mesh?.trim().split(/\s+/)).toEqual(["Mesh_192_168_0_82", "BGP", "master", "up", "13:17:26", "Established"]);
  });

  it("must be its owner", () => {
    expect(statSync(join(directory, "bird6.ctl")).mode & 0o777).toBe(0o600);
  });

  it("finds the other family at the other socket", async () => {
    const { stdout } = await run("/usr/sbin/birdcl", ["-s", join(directory, "bird6.ctl"), "show", "route"]);
    expect(stdout).toBe("BIRD v0.3.3+ocicat ready.\n");
  });
});
