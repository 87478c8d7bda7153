import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSpeaker, formatAttributes, type Speaker } from "@ocicat/bgp";
import { systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { Scope, silentLogger } from "@ocicat/kit";
import { type Ipv4, parseAddress, parsePrefix } from "@ocicat/net";
import { afterEach, describe, expect, it } from "vitest";
import { tcpTransport } from "../../src/bgp/tcp-transport.ts";
import { readSpeakConfiguration } from "../../src/speak/configuration.ts";
import { startSpeaking } from "../../src/speak/speak.ts";

// Loopback addresses of this process's own, so that two runs at once do not meet.
const NET = `127.${64 + (process.pid & 63)}.${(process.pid >> 6) & 255}`;
const PORT = 1790;
const address = (text: string) => parseAddress(text) as Ipv4;

const scope = new Scope("test");
const directory = mkdtempSync(join(tmpdir(), "oct-speak-"));
afterEach(async () => {
  await scope.close();
  rmSync(directory, { recursive: true, force: true });
});

async function client(host: number): Promise<Speaker> {
  const own = address(`${NET}.${host}`);
  const speaker = createSpeaker({
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    transport: tcpTransport(),
    localAs: 64512,
    routerId: address(`10.0.0.${host}`),
  });
  await speaker.start();
  scope.add(`client ${host}`, () => speaker.stop());
  // Loopback is no next hop, so that each names another.
  const nextHop = address(`192.0.2.${host}`);
  speaker.setOriginated([
    { prefix: parsePrefix(`10.244.${host}.0/26`), origin: "block", attributes: { nextHop } },
    { prefix: parsePrefix(`10.98.${host}.0/26`), origin: "block", attributes: { nextHop } },
  ]);
  speaker.setPeers([
    { name: "reflector", remoteAddress: address(`${NET}.1`), remotePort: PORT, localAddress: own, remoteAs: 64512 },
  ]);
  return speaker;
}

const get = (socketPath: string, path: string) =>
  new Promise<unknown>((resolve, reject) => {
    request({ socketPath, path }, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += String(chunk);
      });
      response.on("end", () => resolve(JSON.parse(text)));
    })
      .on("error", reject)
      .end();
  });

describe("a speaker by itself", () => {
  it("reflects between clients, by a filter, and tells what it does", async () => {
    const socket = join(directory, "speaker.sock");
    const configuration = readSpeakConfiguration(
      {
        asNumber: 64512,
        routerId: "10.0.0.1",
        clusterId: "224.0.0.1",
        listen: `${NET}.1:${PORT}`,
        socket,
        peers: [
          { name: "one", peerIP: `${NET}.2`, asNumber: 64512, passive: true, client: true, filters: ["pods"] },
          { name: "rack", prefix: `${NET}.0/24`, asNumber: 64512, client: true, filters: ["pods"] },
        ],
        filters: {
          pods: { importV4: [{ action: "Accept", matchOperator: "In", cidr: "10.244.0.0/16" }, { action: "Reject" }] },
        },
      },
      "test",
    );
    const { speaker: reflector } = await startSpeaking(configuration, {
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      scope,
    });
    const [one, two] = [await client(2), await client(3)];
    const learned = (speaker: Speaker) => [...speaker.routes()].map(({ prefix }) => prefix.toString());
    await expect
      .poll(() => [learned(one), learned(two)], { timeout: 10_000 })
      .toEqual([["10.244.3.0/26"], ["10.244.2.0/26"]]);
    const [path] = two.explain(parsePrefix("10.244.2.0/26")).paths;
    expect(path && formatAttributes(path.attributes)).toEqual(
      expect.arrayContaining(["ORIGINATOR_ID: 10.0.0.2", "CLUSTER_LIST: 224.0.0.1"]),
    );
    expect(reflector.explain(parsePrefix("10.98.2.0/26")).paths).toMatchObject([
      { peer: "one", verdict: "refused", why: "BGPFilter pods importV4[1]" },
    ]);
    expect(await get(socket, "/bgp")).toMatchObject({ peers: [{ name: "one", state: "Established" }, {}] });
  });
});

describe("the configuration", () => {
  const read = (value: object) => () =>
    readSpeakConfiguration({ asNumber: 1, routerId: "10.0.0.1", ...value }, "f.yaml");

  it.each([
    [{ wibble: 1 }, "f.yaml: there is no field wibble"],
    [{ asNumber: 0 }, "asNumber is not a number from 1"],
    [{ routerId: "::1" }, "routerId is not an IPv4 address"],
    [{ listen: "wibble:x" }, 'listen: "wibble:x"'],
    [{ peers: [{ peerIP: "10.0.0.2" }] }, "f.yaml: peers[0]: name is missing"],
    [{ peers: [{ name: "a" }] }, "f.yaml: peers[0]: has neither peerIP nor prefix"],
    [{ peers: [{ name: "a", peerIP: "10.0.0.300" }] }, "f.yaml: peers[0]"],
    [{ peers: [{ name: "a", peerIP: "10.0.0.2", families: [5] }] }, "5 is no family"],
    [{ filters: { f: { importV4: [{ action: "Perhaps" }] } } }, "f.yaml: filters.f"],
    [{ routes: ["10.0.0.0/33"] }, "f.yaml: routes"],
  ])("%j is refused whole", (value, why) => {
    expect(read(value)).toThrow(why);
  });

  it("has what is usual where nothing is said", () => {
    expect(read({})()).toMatchObject({
      listen: { port: 179 },
      kernelRoutes: false,
      peers: [],
      secrets: "/etc/ocicat/secrets",
    });
    expect(read({ listen: "none" })().listen).toBeUndefined();
  });
});
