import { parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { linesOf, MessageRecorder, MrtDecoder, MrtReader } from "../../src/mrt/index.ts";
import { observedTransport } from "../../src/record/index.ts";
import { NO_CAPABILITIES } from "../../src/wire/capabilities.ts";
import { DEFAULT_CONTEXT } from "../../src/wire/context.ts";
import { packAnnouncements } from "../../src/wire/pack.ts";
import { address4, createLab, peerTo, route } from "../support/lab.ts";
import { tapped } from "../support/tap.ts";

const [US, THEM] = ["10.0.0.1", "10.0.0.2"] as const;

/** A lab with a recorder over the transport of the speaker at 10.0.0.1. */
function recorded() {
  const lab = createLab();
  const records: Uint8Array[] = [];
  const recorder = new MessageRecorder({
    now: () => BigInt(lab.clock.now()) * 1000n,
    write: (record) => records.push(record),
    asNumbers: () => ({ local: 64512, peer: 64512 }),
  });
  const transport = observedTransport(lab.network.host(address4(US)), (connection) => recorder.observe(connection));
  const lines = () => {
    const reader = new MrtReader("records");
    const decoder = new MrtDecoder("records");
    const all: string[][] = [];
    for (const record of records) reader.push(record);
    for (let next = reader.next(); next !== undefined; next = reader.next())
      all.push(...linesOf(decoder.decode(next)).map((line) => line.split("|")));
    return all;
  };
  return { lab, transport, recorder, lines };
}

describe("a session's record", () => {
  it("says of path identifiers what both OPENs have agreed on, for each direction and family (RFC 8050 §4)", async () => {
    const { lab, transport, lines } = recorded();
    const here = await lab.node(US, { transport });
    const there = await lab.node(THEM);
    here.speaker.setOriginated([route("10.1.0.0/24")]);
    there.speaker.setOriginated([route("10.2.0.0/24")]);
    here.speaker.setPeers([peerTo(US, THEM, { addPath: { send: true } })]);
    there.speaker.setPeers([peerTo(THEM, US, { addPath: { receive: true } })]);
    lab.advance(2_000);
    const routes = lines().filter(([, , kind]) => kind === "A" || kind === ">A");
    expect(routes.map(([type, , kind, , , prefix]) => [type, kind, prefix])).toEqual(
      expect.arrayContaining([
        ["BGP4MP_ET_AP", ">A", "10.1.0.0/24"],
        ["BGP4MP_ET", "A", "10.2.0.0/24"],
      ]),
    );
    expect(routes).toHaveLength(2);
  });

  it("has paths of two octets where the peer knows no others (RFC 6396 §4.4.2)", async () => {
    const { lab, transport, lines } = recorded();
    const here = await lab.node(US, { transport });
    here.speaker.setPeers([peerTo(US, THEM, { passive: true, remoteAs: 64512 })]);
    const puppet = tapped(lab.network).puppet(THEM, US);
    await puppet.establish(lab, { capabilities: { ...NO_CAPABILITIES, families: [4], as4: undefined } });
    const asPath = [{ type: "sequence" as const, asns: [4_200_000_001] }];
    const attributes = { origin: 0 as const, asPath, nextHop: address4(THEM), localPref: 100 };
    const context = { ...DEFAULT_CONTEXT, as4: false };
    for (const bytes of packAnnouncements(attributes, 4, [parsePrefix("10.2.0.0/24")], context)) puppet.sayBytes(bytes);
    lab.advance(100);
    const [told] = lines().filter(([, , kind]) => kind === "A");
    // AS_TRANS in AS_PATH, the true number in AS4_PATH.
    expect(told?.slice(5, 7)).toEqual(["10.2.0.0/24", "4200000001"]);
  });

  it("goes on in the other direction when one is no BGP any more", async () => {
    const { lab, transport, lines } = recorded();
    const here = await lab.node(US, { transport });
    here.speaker.setPeers([peerTo(US, THEM, { passive: true })]);
    const puppet = tapped(lab.network).puppet(THEM, US);
    await puppet.dial(lab);
    puppet.sayBytes(Uint8Array.from({ length: 40 }, (_, index) => index));
    lab.advance(100);
    const kinds = lines().map(([, , kind, , , what]) => `${kind} ${what}`);
    expect(kinds.filter((kind) => kind.startsWith(">NOTIFICATION"))).toEqual([
      expect.stringContaining("Message Header Error"),
    ]);
    expect(kinds.some((kind) => !kind.startsWith(">"))).toBe(false);
  });
});
