import { describe, expect, it } from "vitest";
import { acceptAll, type PeerConfig } from "../../src/index.ts";
import { createLab, peerTo, route } from "../support/lab.ts";

const A = "10.0.0.1";
const B = "10.0.0.2";

/** A requires policies, and has these towards B, which has a route and requires nothing. */
async function pair(policies: Partial<PeerConfig>, remoteAs = 64513) {
  const lab = createLab();
  const a = await lab.node(A, { requireExternalPolicy: true });
  const b = await lab.node(B, { localAs: remoteAs });
  a.speaker.setOriginated([route("10.1.0.0/24")]);
  b.speaker.setOriginated([route("10.2.0.0/24")]);
  a.speaker.setPeers([peerTo(A, B, { remoteAs, ...policies })]);
  b.speaker.setPeers([peerTo(B, A)]);
  lab.advance(1000);
  return { a, b };
}

describe("RFC 8212 §2", () => {
  it("without an import policy an external peer's routes are not used, and it is said why", async () => {
    const { a } = await pair({ exportPolicy: acceptAll });
    expect(a.routes()).toEqual([]);
    expect(a.speaker.status()).toMatchObject([{ state: "Established", received: 1, accepted: 0, advertised: 1 }]);
    const { paths } = a.speaker.explain(route("10.2.0.0/24").prefix);
    expect(paths).toMatchObject([{ verdict: "refused", why: expect.stringContaining("RFC 8212") as string }]);
  });

  it("without an export policy an external peer is told nothing", async () => {
    const { a, b } = await pair({ importPolicy: acceptAll });
    expect(a.routes()).toHaveLength(1);
    expect(b.routes()).toEqual([]);
  });

  it("internal peers need none", async () => {
    const { a, b } = await pair({}, 64512);
    expect([a.routes(), b.routes()]).toMatchObject([{ length: 1 }, { length: 1 }]);
  });

  it("unless it is asked for, what is left out lets everything pass", async () => {
    const lab = createLab();
    const [a, b] = [await lab.node(A), await lab.node(B, { localAs: 64513 })];
    b.speaker.setOriginated([route("10.2.0.0/24")]);
    a.speaker.setPeers([peerTo(A, B, { remoteAs: 64513 })]);
    b.speaker.setPeers([peerTo(B, A)]);
    lab.advance(1000);
    expect(a.routes()).toHaveLength(1);
  });
});
