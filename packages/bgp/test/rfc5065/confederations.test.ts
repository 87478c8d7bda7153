import { parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { acceptAll, formatAsPath } from "../../src/index.ts";
import { exportPath } from "../../src/rib/export.ts";
import { asPathLength, neighbourAs } from "../../src/wire/attributes/as-path.ts";
import type { AsPath } from "../../src/wire/attributes/types.ts";
import { type CodecContext, DEFAULT_CONTEXT } from "../../src/wire/context.ts";
import { decodeBody, updateBody } from "../support/bytes.ts";
import { address4 } from "../support/lab.ts";
import { path, ribPeer } from "../support/rib.ts";

/*
 * This speaker is a member of no confederation: it has one AS number, and no peer of another member. Inside a member AS it
 * may be an internal peer as any other, and then meets confederation segments.
 */

const ORIGIN = "40 01 01 00";
const NEXT_HOP = "40 03 04 0a000001";
const LOCAL_PREF = "40 05 04 00000064";
/** AS_CONFED_SEQUENCE 65001, AS_SEQUENCE 64513. */
const AS_PATH = "40 02 0c 03 01 0000fde9 02 01 0000fc01";
const PATH: AsPath = [
  { type: "confed-sequence", asns: [65001] },
  { type: "sequence", asns: [64513] },
];

function heard(context: CodecContext) {
  return decodeBody(updateBody("", `${ORIGIN} ${AS_PATH} ${NEXT_HOP} ${LOCAL_PREF}`, "18 0a0102"), context);
}

describe("RFC 5065 §3: segments of a confederation", () => {
  it("are types 3 and 4, and shown in parentheses", () => {
    expect(heard(DEFAULT_CONTEXT).announced[0]?.attributes.asPath).toEqual(PATH);
    expect(formatAsPath(PATH)).toBe("(65001) 64513");
  });
});

describe("RFC 5065 §5: from a peer that is not in the same confederation", () => {
  it("they are an error: the route is withdrawn, and the session stays (RFC 7606 §7.2)", () => {
    const update = heard({ ...DEFAULT_CONTEXT, internal: false });
    expect(update.announced).toEqual([]);
    expect(update.withdrawn.prefixes.map(String)).toEqual(["10.1.2.0/24"]);
    expect(update.problems).toMatchObject([
      { name: "AS_PATH", treatment: "withdraw" },
      { name: "LOCAL_PREF", treatment: "discard" },
    ]);
  });
});

describe("RFC 5065 §5.3: AS_PATH", () => {
  it("counts without them, and the neighbouring AS is the first outside", () => {
    expect(asPathLength(PATH)).toBe(1);
    expect(neighbourAs(PATH)).toBe(64513);
  });

  const told = (internal: boolean) => {
    const source = ribPeer("10.0.0.1", internal ? { as: 64514, internal: false } : {});
    const view = {
      peer: { internal, localAs: 64512, remoteAs: internal ? 64512 : 64599 },
      nextHopMode: "auto",
      self: { 4: address4("10.0.0.254") },
      policy: acceptAll,
    } as const;
    const exported = { source, origin: undefined, attributes: path({ asPath: PATH }) };
    const verdict = exportPath(parsePrefix("10.1.2.0/24"), exported, view);
    if ("refusal" in verdict) throw new Error(verdict.refusal);
    return formatAsPath(verdict.attributes.asPath);
  };

  it("leaves them to internal peers, and takes them out before an external one is told", () => {
    expect(told(true)).toBe("(65001) 64513");
    expect(told(false)).toBe("64512 64513");
  });
});
