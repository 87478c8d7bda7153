import { parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { address4, createLab, mesh, route } from "../support/lab.ts";

const SOURCE = "10.0.0.1";
const FAST = "10.0.0.2";
const SLOW = "10.0.0.3";
const ALL = [SOURCE, FAST, SLOW];

async function threeNodes(capacity: number) {
  const lab = createLab({ capacity });
  const nodes = { source: await lab.node(SOURCE), fast: await lab.node(FAST), slow: await lab.node(SLOW) };
  for (const node of Object.values(nodes)) {
    node.speaker.setOriginated([]);
    // The stalled peer must not be dropped for its silence within these tests.
    node.speaker.setPeers(mesh(node.ip, ALL, { holdTimeS: 0 }));
  }
  lab.advance(1000);
  return { lab, ...nodes };
}

function toSlow(node: Awaited<ReturnType<typeof threeNodes>>["source"]): number {
  return node.speaker.status().find(({ remoteAddress }) => remoteAddress === address4(SLOW))?.updatesOut ?? 0;
}

describe("a peer that does not read", () => {
  it("gets the newest state once it reads again, not the history, and the others do not wait for it", async () => {
    const { lab, source, fast, slow } = await threeNodes(500);
    lab.network.stall(address4(SLOW));
    // Fills the connection.
    source.speaker.setOriginated(Array.from({ length: 200 }, (_, index) => route(`172.16.${index}.0/24`)));
    lab.advance(10);
    const full = toSlow(source);
    const flapping = parsePrefix("172.20.0.0/16");
    for (let round = 0; round < 500; round++) {
      source.speaker.announce({ prefix: flapping, origin: "flapping", attributes: { med: round } });
      lab.advance(2);
      if (round % 2 === 1) source.speaker.withdraw(flapping);
      lab.advance(2);
    }
    source.speaker.announce({ prefix: flapping, origin: "flapping", attributes: { med: 1000 } });
    source.speaker.withdraw(parsePrefix("172.16.7.0/24"));
    lab.advance(10);
    expect(toSlow(source)).toBe(full);
    expect(fast.routes()).toHaveLength(200);
    expect([...fast.speaker.routes()].find(({ prefix }) => prefix.equals(flapping))?.attributes.med).toBe(1000);

    slow.changes.length = 0;
    lab.network.resume(address4(SLOW));
    lab.advance(100);
    expect(slow.routes()).toEqual(fast.routes());
    // One withdrawal and one announcement for a thousand changes.
    expect(toSlow(source)).toBe(full + 2);
  });

  it("a peer that joins while others are stalled gets the whole table, with End-of-RIB at its end", async () => {
    const { lab, source } = await threeNodes(500);
    lab.network.stall(address4(SLOW));
    source.speaker.setOriginated(
      Array.from({ length: 5000 }, (_, index) => route(`172.${16 + (index >> 8)}.${index & 255}.0/24`)),
    );
    lab.advance(20);
    const late = await lab.node("10.0.0.4", { restarting: true });
    source.speaker.setPeers(mesh(SOURCE, [...ALL, "10.0.0.4"], { holdTimeS: 0 }));
    late.speaker.setOriginated([]);
    late.speaker.setPeers(mesh("10.0.0.4", [SOURCE, "10.0.0.4"], { holdTimeS: 0 }));
    lab.advance(2000);
    expect(late.routes()).toHaveLength(5000);
    expect(late.speaker.ready).toBe(true);
  });
});
