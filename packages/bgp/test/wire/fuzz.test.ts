import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BgpError } from "../../src/error.ts";
import { decodeMessage, encodeControl } from "../../src/wire/codec.ts";
import { type CodecContext, DEFAULT_CONTEXT } from "../../src/wire/context.ts";
import { Framer } from "../../src/wire/framer.ts";
import { describeNotification, NOTIFICATION_KINDS } from "../../src/wire/notification-kinds.ts";
import { packAnnouncements, packWithdrawals } from "../../src/wire/pack.ts";
import { anyIpv4, anyIpv6, attributes, openMessage, prefix4, prefix6 } from "../support/arbitraries.ts";
import { message } from "../support/bytes.ts";

const CONTEXTS: readonly CodecContext[] = [
  DEFAULT_CONTEXT,
  { ...DEFAULT_CONTEXT, as4: false },
  { ...DEFAULT_CONTEXT, internal: false },
  { ...DEFAULT_CONTEXT, families: [4] },
];

const valid = fc.oneof(
  openMessage.map(encodeControl),
  fc
    .tuple(attributes(anyIpv4), fc.array(prefix4, { minLength: 1, maxLength: 5 }))
    .map(([set, list]) => packAnnouncements(set, 4, list, DEFAULT_CONTEXT)[0]),
  fc
    .tuple(attributes(anyIpv6), fc.array(prefix6, { minLength: 1, maxLength: 5 }))
    .map(([set, list]) => packAnnouncements(set, 6, list, DEFAULT_CONTEXT)[0]),
  fc.array(prefix6, { minLength: 1, maxLength: 5 }).map((list) => packWithdrawals(6, list, DEFAULT_CONTEXT)[0]),
  fc.constant(encodeControl({ type: "route-refresh", family: 4, subtype: 0 })),
  fc.constant(encodeControl({ type: "notification", code: 6, subcode: 2, data: Uint8Array.of(3, 0xe2, 0x82, 0xac) })),
);

type Mutation =
  | { readonly kind: "set"; readonly at: number; readonly to: number }
  | { readonly kind: "cut"; readonly at: number }
  | { readonly kind: "drop"; readonly at: number }
  | { readonly kind: "insert"; readonly at: number; readonly to: number };

const position = fc.double({ min: 0, max: 0.999, noNaN: true });
const byte = fc.oneof(fc.constantFrom(0, 1, 255, 128, 4), fc.integer({ min: 0, max: 255 }));
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ kind: fc.constant("set" as const), at: position, to: byte }),
  fc.record({ kind: fc.constant("insert" as const), at: position, to: byte }),
  fc.record({ kind: fc.constant("drop" as const), at: position }),
  fc.record({ kind: fc.constant("cut" as const), at: position }),
);

function mutate(bytes: readonly number[], change: Mutation): number[] {
  const at = Math.floor(change.at * bytes.length);
  switch (change.kind) {
    case "set":
      return bytes.with(at, change.to);
    case "insert":
      return bytes.toSpliced(at, 0, change.to);
    case "drop":
      return bytes.toSpliced(at, 1);
    case "cut":
      return bytes.slice(0, at);
  }
}

/** Undefined: decoded. Throws what is no BgpError. */
function refusal(bytes: Uint8Array, context: CodecContext): BgpError | undefined {
  const framer = new Framer();
  framer.push(bytes);
  try {
    for (let frame = framer.next(); frame !== undefined; frame = framer.next()) decodeMessage(frame, context);
    return undefined;
  } catch (error) {
    if (error instanceof BgpError) return error;
    throw error;
  }
}

function checkRefusal(error: BgpError | undefined): void {
  if (error === undefined) return;
  const [code, subcode] = NOTIFICATION_KINDS[error.kind];
  expect([error.errorCode, error.errorSubcode]).toEqual([code, subcode]);
  expect(describeNotification(code, subcode)).not.toMatch(/\d/);
  // The NOTIFICATION about it must itself be a message.
  expect(encodeControl({ type: "notification", code, subcode, data: error.data }).length).toBeLessThanOrEqual(4096);
}

describe("whatever comes, decoding ends in a message or in a BgpError", () => {
  it("for mutations of valid bodies, with a header that fits", () => {
    const outcomes = { decoded: 0, refused: 0 };
    fc.assert(
      fc.property(
        valid,
        fc.array(mutation, { minLength: 1, maxLength: 6 }),
        fc.constantFrom(...CONTEXTS),
        (bytes, changes, context) => {
          const start = bytes ?? new Uint8Array(0);
          const type = start[18] ?? 0;
          const body = changes.reduce<number[]>(
            (now, change) => (now.length === 0 ? now : mutate(now, change)),
            Array.from(start.subarray(19)),
          );
          const error = refusal(message(type, Uint8Array.from(body)), context);
          outcomes[error === undefined ? "decoded" : "refused"] += 1;
          checkRefusal(error);
        },
      ),
      { seed: 11, numRuns: 4000 },
    );
    // Both ends are reached, or the test tests nothing.
    expect(outcomes.decoded).toBeGreaterThan(400);
    expect(outcomes.refused).toBeGreaterThan(400);
  });

  it("for random bytes in each message type", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 7 }),
        fc.uint8Array({ maxLength: 120 }),
        fc.constantFrom(...CONTEXTS),
        (type, body, context) => {
          checkRefusal(refusal(message(type, body), context));
        },
      ),
      { seed: 12, numRuns: 3000 },
    );
  });

  it("for random streams", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => checkRefusal(refusal(bytes, DEFAULT_CONTEXT))),
      { seed: 13, numRuns: 1000 },
    );
  });
});
