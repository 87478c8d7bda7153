import { describe, expect, it } from "vitest";
import { formatAttributes, type Policy } from "../../src/index.ts";
import { decodeBody, updateBody } from "../support/bytes.ts";
import { createLab, peerTo, route } from "../support/lab.ts";

const BASE = "40 01 01 00 40 02 06 02 01 0000fc01 40 03 04 0a000001 40 05 04 00000064";

describe("RFC 1997 the attribute", () => {
  it("is code 8, optional and transitive, two halves of 16 bits a community", () => {
    const [announced] = decodeBody(updateBody("", `${BASE} c0 08 08 fc000064 ffffff01`, "18 0a0102")).announced;
    if (announced === undefined) throw new Error("nothing announced");
    expect(announced.attributes.communities).toEqual([0xfc00_0064, 0xffff_ff01]);
    expect(formatAttributes(announced.attributes)).toContain("COMMUNITIES: 64512:100 no-export");
  });
});

describe("RFC 1997 well-known communities, over two sessions", () => {
  /** What a third speaker hears of a route that the second has heard of the first. */
  async function passedOn(community: number | undefined, third: "internal" | "external"): Promise<readonly string[]> {
    const lab = createLab();
    const [one, two, three] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
    const as = third === "internal" ? 64512 : 64514;
    const first = await lab.node(one, { localAs: 64513 });
    const second = await lab.node(two);
    const last = await lab.node(three, { localAs: as });
    // Put on as the route comes in: the first may not tell what it has with such a community.
    const importPolicy: Policy = ({ attributes }) => ({
      accept: true,
      attributes: community === undefined ? attributes : { ...attributes, communities: [community] },
    });
    first.speaker.setOriginated([route("10.1.0.0/24")]);
    second.speaker.setOriginated([]);
    last.speaker.setOriginated([]);
    first.speaker.setPeers([peerTo(one, two, { remoteAs: 64512, passive: false })]);
    last.speaker.setPeers([peerTo(three, two, { remoteAs: 64512, passive: false })]);
    second.speaker.setPeers([
      peerTo(two, one, { remoteAs: 64513, passive: true, importPolicy }),
      peerTo(two, three, { remoteAs: as, passive: true }),
    ]);
    lab.advance(2_000);
    expect(second.routes()).toHaveLength(1);
    return last.routes();
  }

  it.each([
    ["none", undefined, 1, 1],
    ["NO_EXPORT, not beyond the AS", 0xffff_ff01, 1, 0],
    ["NO_ADVERTISE, to nobody", 0xffff_ff02, 0, 0],
    ["NO_EXPORT_SUBCONFED, which without a confederation is NO_EXPORT", 0xffff_ff03, 1, 0],
    ["any other", 0xfc00_0001, 1, 1],
  ])("%s", async (_name, community, internal, external) => {
    expect(await passedOn(community, "internal")).toHaveLength(internal);
    expect(await passedOn(community, "external")).toHaveLength(external);
  });
});
