import type { Story } from "@ocicat/walk";
import { describe, expect, it } from "vitest";
import { arrived, type Live } from "../../src/why/live.ts";
import { liveLines } from "../../src/why/say.ts";

function seen(outcome: Story["outcome"]): Live {
  const end = { place: null, kind: null, node: null, address: "10.0.0.1" };
  const story: Story = {
    version: 1,
    probe: { protocol: "tcp", source: "10.0.0.1", destination: "10.0.0.2", identifier: 1, port: 80, size: 60 },
    from: end,
    to: end,
    outcome,
    request: [],
    reply: [],
    ttl: { request: [], reply: [] },
    errors: [],
    loss: null,
    partial: outcome === "gone",
  };
  return { story, counted: [{ rule: "NetworkPolicy default/db ingress spec.ingress[0]", packets: 1 }] };
}

describe("what was seen", () => {
  it.each([
    ["answered", true],
    ["refused", true],
    ["delivered", true],
    ["lost", false],
    ["gone", undefined],
  ] as const)("%s: arrived is %s", (outcome, expected) => {
    expect(arrived(seen(outcome))).toBe(expected);
  });

  it("is held against what is stored, unless it left for where nobody watched", () => {
    const differs = (expected: boolean, outcome: Story["outcome"]) =>
      liveLines(expected, seen(outcome)).some((line) => line.startsWith("This is not what is stored"));
    expect([differs(true, "answered"), differs(false, "answered")]).toEqual([false, true]);
    expect([differs(true, "lost"), differs(false, "lost")]).toEqual([true, false]);
    expect([differs(true, "gone"), differs(false, "gone")]).toEqual([false, false]);
  });

  it("tells what the rules counted", () => {
    expect(liveLines(true, seen("refused"))).toEqual([
      "",
      "Seen: arrived, and nobody listens there.",
      "Counted by the kernels' rules:",
      "  NetworkPolicy default/db ingress spec.ingress[0]: 1 packet more",
    ]);
    expect(liveLines(true, undefined)).toEqual([]);
  });
});
