import { ipv4 } from "@ocicat/net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BgpError } from "../../src/error.ts";
import type { SessionAction, SessionEvent } from "../../src/session/events.ts";
import { stateOf } from "../../src/session/state.ts";
import { NO_CAPABILITIES } from "../../src/wire/capabilities.ts";
import type { OpenMessage } from "../../src/wire/message.ts";
import { notification } from "../../src/wire/notification.ts";
import { openOf, Subject } from "../support/session.ts";
import { type Happening, Reference, type ReferenceOptions } from "./reference.ts";

const PEER_ID = 0x0a000100;

/** The session under test, with what its actions have brought about in the world: connections, timers, words. */
class World {
  readonly subject: Subject;
  readonly #open: OpenMessage;
  readonly connections = new Set<string>();
  readonly timers = new Set<string>();
  dialling = false;
  told: string[] = [];

  constructor({ passive, larger, peerRestarts, timed }: ReferenceOptions) {
    const families = [{ family: 4 as const, forwarding: true }];
    const gracefulRestart = { restarting: false, notification: false, restartTimeS: 120, families };
    this.subject = new Subject({ passive, routerId: ipv4(PEER_ID + (larger ? 1 : -1)) });
    this.#open = openOf({
      routerId: ipv4(PEER_ID),
      holdTimeS: timed ? 240 : 0,
      capabilities: {
        ...NO_CAPABILITIES,
        families: [4],
        as4: 64512,
        gracefulRestart: peerRestarts ? gracefulRestart : undefined,
      },
    });
  }

  happens(happening: Happening): void {
    this.told = [];
    // A timer that has run out runs no more.
    if (happening.what === "retry timer") this.timers.delete("connect-retry outgoing");
    if (happening.what === "idle hold timer") this.timers.delete("idle hold");
    if (happening.what === "hold timer") this.timers.delete(`hold ${happening.slot}`);
    if (happening.what === "keepalive timer") this.timers.delete(`keepalive ${happening.slot}`);
    if (happening.what === "connected") this.connections.add("outgoing");
    if (happening.what === "connected" || happening.what === "dial failed") this.dialling = false;
    if (happening.what === "closed") this.connections.delete(happening.slot);
    this.subject.now += 1000;
    for (const action of this.subject.feed(this.#eventOf(happening))) this.#perform(action);
  }

  #eventOf(happening: Happening): SessionEvent {
    const { what } = happening;
    const gone = { kind: "closed", text: "gone" } as const;
    switch (what) {
      case "start":
      case "connected":
      case "offered":
        return { type: what };
      case "stop":
        return { type: "stop", notification: notification("cease/shutdown") };
      case "dial failed":
        return { type: "closed", slot: "outgoing", why: gone };
      case "retry timer":
        return { type: "timer", slot: "outgoing", timer: "connect-retry" };
      case "idle hold timer":
        return { type: "idle-hold-expired" };
      default:
        return { ...this.#onConnection(what), slot: happening.slot } as SessionEvent;
    }
  }

  #onConnection(what: Exclude<Happening, { what: "start" }>["what"]): object {
    const message = (one: object) => ({ type: "message", message: one });
    const table: Readonly<Record<string, object>> = {
      open: message(this.#open),
      "bad open": message({ ...this.#open, as: 64999 }),
      keepalive: message({ type: "keepalive" }),
      update: message({ type: "update", withdrawn: { prefixes: [] }, announced: [], endOfRib: 4, problems: [] }),
      malformed: { type: "malformed", error: new BgpError("update/malformed-attribute-list", "broken") },
      closed: { type: "closed", why: { kind: "closed", text: "gone" } },
      "hold timer": { type: "timer", timer: "hold" },
      "keepalive timer": { type: "timer", timer: "keepalive" },
      "error notification": message(notification("update/malformed-as-path")),
      "collision notification": message(notification("cease/collision")),
      "shutdown notification": message(notification("cease/shutdown")),
    };
    return table[what] ?? {};
  }

  #perform(action: SessionAction): void {
    switch (action.type) {
      case "dial":
        expect(this.dialling, "two dials at once").toBe(false);
        this.dialling = true;
        break;
      case "cancel-dial":
        this.dialling = false;
        break;
      case "adopt":
        this.connections.add("incoming");
        break;
      case "refuse":
        this.told.push(action.notification === undefined ? "refused" : `refused ${numbers(action.notification)}`);
        break;
      case "send": {
        const { message, slot } = action;
        expect(this.connections, `${message.type} on a connection that is not there`).toContain(slot);
        const what = message.type === "notification" ? numbers(message) : message.type.toUpperCase();
        this.told.push(`${what} ${slot}`);
        break;
      }
      case "close":
        if (!this.told.some((one) => /^\d\/\d/.test(one) && one.endsWith(action.slot)))
          this.told.push(`closed ${action.slot}`);
        this.connections.delete(action.slot);
        break;
      case "start-timer":
        this.timers.add(`${action.timer} ${action.slot}`);
        break;
      case "stop-timer":
        this.timers.delete(`${action.timer} ${action.slot}`);
        break;
      case "start-idle-hold":
        this.timers.add("idle hold");
        break;
      case "stop-idle-hold":
        this.timers.delete("idle hold");
        break;
      case "up":
        this.told.push("up");
        break;
      case "down":
        this.told.push(action.reason.restartable ? "down restartable" : "down");
        break;
      case "deliver":
      case "refresh":
      case "refreshed":
      case "note":
        break;
    }
  }
}

function numbers({ code, subcode }: { readonly code: number; readonly subcode: number }): string {
  return `${code}/${subcode}`;
}

/** What both say there is now. */
function compare(world: World, reference: Reference, options: ReferenceOptions): void {
  const { session } = world.subject;
  const states = (["outgoing", "incoming"] as const).map((slot) => {
    const state = reference.open.get(slot)?.state;
    if (state !== undefined) return state;
    if (slot === "incoming") return reference.listening ? "Active" : "Idle";
    return reference.dialling ? "Connect" : reference.waiting ? "Active" : "Idle";
  });
  expect([session.outgoing.state, session.incoming.state]).toEqual(states);
  expect([...world.connections].sort()).toEqual([...reference.open.keys()].sort());
  expect(world.dialling).toBe(reference.dialling);
  const timers = [...reference.open].flatMap(([slot, { state }]) => [
    ...(state === "OpenSent" || options.timed ? [`hold ${slot}`] : []),
    ...(state !== "OpenSent" && options.timed ? [`keepalive ${slot}`] : []),
  ]);
  if (reference.dialling || reference.waiting) timers.push("connect-retry outgoing");
  if (reference.holding) timers.push("idle hold");
  expect([...world.timers].sort()).toEqual(timers.sort());
  // A connection that ends without a NOTIFICATION is closed as well; who says what in which order is not the RFC's.
  const said = (list: readonly string[]) => list.filter((one) => !one.startsWith("closed")).sort();
  expect(said(world.told)).toEqual(said(reference.told));
}

function invariants(world: World): void {
  const { outgoing, incoming } = world.subject.session;
  const established = [outgoing, incoming].filter(({ state }) => state === "Established");
  expect(established.length, "Established twice").toBeLessThan(2);
  if (!world.subject.session.running) {
    expect([world.connections.size, world.timers.size, world.dialling]).toEqual([0, 0, false]);
    expect(stateOf(world.subject.session)).toBe("Idle");
  }
}

/** What leads to a session comes more often: else most orders would end before there is one. */
function weighted(happening: Happening): Happening[] {
  const leads = ["start", "connected", "offered", "open", "keepalive", "idle hold timer"].includes(happening.what);
  return Array.from({ length: leads ? 4 : 1 }, () => happening);
}

const options = fc.record({
  passive: fc.boolean(),
  larger: fc.boolean(),
  peerRestarts: fc.boolean(),
  timed: fc.boolean(),
});

describe("the session, by random orders of all that can happen", () => {
  it("does what a slow reference from the RFCs' text does", () => {
    const reached = new Set<string>();
    fc.assert(
      fc.property(options, fc.array(fc.nat(), { maxLength: 60 }), (chosen, choices) => {
        const [world, reference] = [new World(chosen), new Reference(chosen)];
        for (const choice of choices) {
          const possible = reference.possible().flatMap(weighted);
          const happening = possible[choice % possible.length];
          if (happening === undefined) continue;
          const before = stateOf(world.subject.session);
          world.happens(happening);
          reference.happens(happening);
          compare(world, reference, chosen);
          invariants(world);
          reached.add(`${before}: ${happening.what}`);
        }
      }),
      { seed: 4271, numRuns: 1500 },
    );
    // Every state has been left by every way out of it, or the test tests less than it says.
    for (const pair of [
      "Established: hold timer",
      "Established: update",
      "Established: offered",
      "OpenConfirm: open",
    ]) {
      expect(reached).toContain(pair);
    }
    expect(reached.size).toBeGreaterThan(50);
  });
});
