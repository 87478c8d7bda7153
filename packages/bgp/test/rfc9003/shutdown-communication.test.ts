import { describe, expect, it } from "vitest";
import { formatNotification, notification } from "../../src/wire/notification.ts";
import { hex } from "../support/bytes.ts";
import { createLab, peerTo } from "../support/lab.ts";

const A = "10.0.0.1";
const B = "10.0.0.2";

describe("RFC 9003 §2 (and RFC 8203) the communication", () => {
  it("is a length and UTF-8, with shutdown and reset only", () => {
    expect([...notification("cease/shutdown", "né").data]).toEqual([3, 0x6e, 0xc3, 0xa9]);
    expect(formatNotification(notification("cease/reset", "back soon"))).toBe(
      "Cease: Administrative Reset (back soon)",
    );
    expect(formatNotification(notification("cease/deconfigured", "bye"))).toBe("Cease: Peer De-configured");
  });

  it("is at most 255 bytes long, and no character is cut in two", () => {
    const { data } = notification("cease/shutdown", "é".repeat(200));
    expect(data[0]).toBe(254);
    expect(data).toHaveLength(255);
    expect(formatNotification(notification("cease/shutdown", "é".repeat(200)))).toContain("é".repeat(127));
  });

  it("may be left out", () => {
    expect(notification("cease/shutdown").data).toHaveLength(0);
    expect(formatNotification({ type: "notification", code: 6, subcode: 2, data: Uint8Array.of(0) })).toBe(
      "Cease: Administrative Shutdown",
    );
  });
});

describe("RFC 9003 §3 operation", () => {
  it("is shown to the other operator", async () => {
    const lab = createLab();
    const [a, b] = [await lab.node(A), await lab.node(B)];
    a.speaker.setPeers([peerTo(A, B)]);
    b.speaker.setPeers([peerTo(B, A)]);
    lab.advance(1000);
    b.speaker.setPeers([peerTo(B, A, { shutdown: "[TICKET-1] new switch" })]);
    lab.advance(10);
    expect(a.speaker.status()[0]?.info).toBe("received Cease: Administrative Shutdown ([TICKET-1] new switch)");
    expect(b.speaker.status()[0]?.info).toBe("shut down here ([TICKET-1] new switch)");
    b.speaker.setPeers([peerTo(B, A)]);
    lab.advance(10_000);
    b.speaker.resetPeer("Mesh_10_0_0_1", "again");
    lab.advance(10);
    expect(a.speaker.status()[0]?.lastError).toBe("received Cease: Administrative Reset (again)");
    lab.advance(10_000);
    await b.speaker.stop({ communication: "for ever" });
    lab.advance(10);
    expect(a.speaker.status()[0]?.lastError).toBe("received Cease: Administrative Shutdown (for ever)");
  });
});

describe("RFC 9003 §5 errors", () => {
  it("a length beyond the data, bytes that are no UTF-8 and control characters do no harm", () => {
    const shown = (data: string) => formatNotification({ type: "notification", code: 6, subcode: 2, data: hex(data) });
    expect(shown("ff 61 62")).toBe("Cease: Administrative Shutdown (ab)");
    expect(shown("02 ff fe")).toBe("Cease: Administrative Shutdown (ÿþ)");
    expect(shown("03 61 1b 62")).toBe("Cease: Administrative Shutdown (a.b)");
  });
});
