import { describe, expect, it } from "vitest";
import { BgpError } from "../../src/error.ts";
import type { SessionEvent } from "../../src/session/events.ts";
import { negotiatedOf, STATES, type StateName, stateOf } from "../../src/session/state.ts";
import type { UpdateMessage } from "../../src/wire/message.ts";
import { notification } from "../../src/wire/notification.ts";
import { openOf, Subject, words } from "../support/session.ts";

const UPDATE: UpdateMessage = { type: "update", withdrawn: { prefixes: [] }, announced: [], endOfRib: 4, problems: [] };
const SLOT = "outgoing";

const EVENTS = {
  start: { type: "start" },
  stop: { type: "stop", notification: notification("cease/shutdown") },
  "connect retry": { type: "timer", slot: SLOT, timer: "connect-retry" },
  connected: { type: "connected" },
  closed: { type: "closed", slot: SLOT, why: { kind: "closed", text: "gone" } },
  OPEN: { type: "message", slot: SLOT, message: openOf() },
  KEEPALIVE: { type: "message", slot: SLOT, message: { type: "keepalive" } },
  UPDATE: { type: "message", slot: SLOT, message: UPDATE },
  REFRESH: { type: "message", slot: SLOT, message: { type: "route-refresh", family: 4, subtype: 0 } },
  NOTIFICATION: { type: "message", slot: SLOT, message: notification("update/malformed-as-path") },
  malformed: { type: "malformed", slot: SLOT, error: new BgpError("update/malformed-attribute-list", "broken") },
  "hold expires": { type: "timer", slot: SLOT, timer: "hold" },
  "keepalive due": { type: "timer", slot: SLOT, timer: "keepalive" },
} as const satisfies Record<string, SessionEvent>;

type EventName = keyof typeof EVENTS;

/** "—": nothing happens. Else the next state of the slot, and the actions that tell the story. */
// biome-ignore format: a table is read as a table
const EXPECTED: { readonly [E in EventName]: Readonly<Record<StateName, string>> } = {
  start: {
    Idle: "Connect: dial, start connect-retry outgoing 5000",
    Active: "—", Connect: "—", OpenSent: "—", OpenConfirm: "—", Established: "—",
  },
  stop: {
    Idle: "—",
    Active: "Idle: stop connect-retry outgoing",
    Connect: "Idle: cancel-dial, stop connect-retry outgoing",
    OpenSent: "Idle: send notification 6/2 outgoing, close outgoing, stop hold outgoing, stop keepalive outgoing",
    OpenConfirm: "Idle: send notification 6/2 outgoing, close outgoing, stop hold outgoing, stop keepalive outgoing",
    Established: "Idle: down stopped, note Cease: Administrative Shutdown, send notification 6/2 outgoing, close outgoing, stop hold outgoing, stop keepalive outgoing",
  },
  "connect retry": {
    Idle: "—",
    Active: "Connect: dial, start connect-retry outgoing 5000",
    Connect: "Connect: cancel-dial, note no answer: connecting timed out, dial, start connect-retry outgoing 5000",
    OpenSent: "—", OpenConfirm: "—", Established: "—",
  },
  connected: {
    Idle: "—",
    Active: "OpenSent: stop connect-retry outgoing, send open outgoing, start hold outgoing 240000",
    Connect: "OpenSent: stop connect-retry outgoing, send open outgoing, start hold outgoing 240000",
    OpenSent: "—", OpenConfirm: "—", Established: "—",
  },
  closed: {
    Idle: "—", Active: "—",
    Connect: "Active: note gone, stop connect-retry outgoing, start connect-retry outgoing 100",
    OpenSent: "Active: note gone, stop hold outgoing, stop keepalive outgoing, start connect-retry outgoing 100",
    OpenConfirm: "Active: note gone, stop hold outgoing, stop keepalive outgoing, start connect-retry outgoing 100",
    Established: "Active: down closed restartable, note gone, stop hold outgoing, stop keepalive outgoing, start connect-retry outgoing 100",
  },
  OPEN: {
    Idle: "—", Active: "—", Connect: "—",
    OpenSent: "OpenConfirm: send keepalive outgoing, start hold outgoing 90000, start keepalive outgoing 30000",
    OpenConfirm: "Idle: note open message in OpenConfirm (Receive Unexpected Message in OpenConfirm State), send notification 5/2 outgoing, close outgoing, stop hold outgoing, stop keepalive outgoing, hold 5000",
    Established: "Idle: down notification-sent, note open message in Established (Receive Unexpected Message in Established State), send notification 5/3 outgoing, close outgoing, stop hold outgoing, stop keepalive outgoing, hold 5000",
  },
  KEEPALIVE: {
    Idle: "—", Active: "—", Connect: "—",
    OpenSent: "Idle: note keepalive message in OpenSent (Receive Unexpected Message in OpenSent State), send notification 5/1 outgoing, close outgoing, stop hold outgoing, stop keepalive outgoing, hold 5000",
    OpenConfirm: "Established: start hold outgoing 90000, up outgoing",
    Established: "Established: start hold outgoing 90000",
  },
  UPDATE: {
    Idle: "—", Active: "—", Connect: "—",
    OpenSent: "Idle: note update message in OpenSent (Receive Unexpected Message in OpenSent State), send notification 5/1 outgoing, close outgoing, stop hold outgoing, stop keepalive outgoing, hold 5000",
    OpenConfirm: "Idle: note update message in OpenConfirm (Receive Unexpected Message in OpenConfirm State), send notification 5/2 outgoing, close outgoing, stop hold outgoing, stop keepalive outgoing, hold 5000",
    Established: "Established: start hold outgoing 90000, deliver",
  },
  REFRESH: {
    Idle: "—", Active: "—", Connect: "—",
    OpenSent: "Idle: note refresh message in OpenSent (Receive Unexpected Message in OpenSent State), send notification 5/1 outgoing, close outgoing, stop hold outgoing, stop keepalive outgoing, hold 5000",
    OpenConfirm: "Idle: note refresh message in OpenConfirm (Receive Unexpected Message in OpenConfirm State), send notification 5/2 outgoing, close outgoing, stop hold outgoing, stop keepalive outgoing, hold 5000",
    Established: "Established: start hold outgoing 90000, refresh",
  },
  NOTIFICATION: {
    Idle: "—", Active: "—", Connect: "—",
    OpenSent: "Idle: note received UPDATE Message Error: Malformed AS_PATH, close outgoing, stop hold outgoing, stop keepalive outgoing, hold 5000",
    OpenConfirm: "Idle: note received UPDATE Message Error: Malformed AS_PATH, close outgoing, stop hold outgoing, stop keepalive outgoing, hold 5000",
    Established: "Idle: down notification-received, note received UPDATE Message Error: Malformed AS_PATH, close outgoing, stop hold outgoing, stop keepalive outgoing, hold 5000",
  },
  malformed: {
    Idle: "—", Active: "—", Connect: "—",
    OpenSent: "Idle: note broken (Malformed Attribute List), send notification 3/1 outgoing, close outgoing, stop hold outgoing, stop keepalive outgoing, hold 5000",
    OpenConfirm: "Idle: note broken (Malformed Attribute List), send notification 3/1 outgoing, close outgoing, stop hold outgoing, stop keepalive outgoing, hold 5000",
    Established: "Idle: down notification-sent, note broken (Malformed Attribute List), send notification 3/1 outgoing, close outgoing, stop hold outgoing, stop keepalive outgoing, hold 5000",
  },
  "hold expires": {
    Idle: "—", Active: "—", Connect: "—",
    OpenSent: "Idle: note nothing was heard from the peer for the hold time (Hold Timer Expired), send notification 4/0 outgoing, close outgoing, stop hold outgoing, stop keepalive outgoing, hold 5000",
    OpenConfirm: "Idle: note nothing was heard from the peer for the hold time (Hold Timer Expired), send notification 4/0 outgoing, close outgoing, stop hold outgoing, stop keepalive outgoing, hold 5000",
    Established: "Idle: down notification-sent, note nothing was heard from the peer for the hold time (Hold Timer Expired), send notification 4/0 outgoing, close outgoing, stop hold outgoing, stop keepalive outgoing, hold 5000",
  },
  "keepalive due": {
    Idle: "—", Active: "—", Connect: "—", OpenSent: "—",
    OpenConfirm: "OpenConfirm: send keepalive outgoing, start keepalive outgoing 30000",
    Established: "Established: send keepalive outgoing, start keepalive outgoing 30000",
  },
};

function outcome(state: StateName, event: EventName): string {
  const subject = new Subject().bring(SLOT, state);
  const before = subject.session;
  expect(before.outgoing.state).toBe(state);
  const actions = subject.feed(EVENTS[event]);
  if (actions.length === 0 && subject.session.outgoing.state === state) return "—";
  return `${subject.session.outgoing.state}: ${words(actions).join(", ")}`;
}

const CASES = Object.keys(EVENTS).flatMap((event) => STATES.map((state) => [state, event as EventName] as const));

describe("RFC 4271 §8.2.2, the connection that this side dials", () => {
  it.each(CASES)("%s, %s", (state, event) => {
    expect(outcome(state, event)).toBe(EXPECTED[event][state]);
  });

  it("is a function: the same step from the same session gives the same, and leaves its argument alone", () => {
    const subject = new Subject().bring(SLOT, "OpenConfirm");
    const frozen = JSON.stringify(subject.session);
    const twin = new Subject().bring(SLOT, "OpenConfirm");
    expect(twin.feed(EVENTS.KEEPALIVE)).toEqual(subject.feed(EVENTS.KEEPALIVE));
    expect(frozen).not.toBe(JSON.stringify(subject.session));
    expect(JSON.stringify(new Subject().bring(SLOT, "OpenConfirm").session)).toBe(frozen);
  });
});

describe("RFC 4271 §8, the connection that the peer dials", () => {
  it("is adopted and greeted with OPEN while this side listens", () => {
    const subject = new Subject({ passive: true });
    subject.feed({ type: "start" });
    expect(stateOf(subject.session)).toBe("Active");
    expect(words(subject.feed({ type: "offered" }))).toEqual([
      "adopt",
      "send open incoming",
      "start hold incoming 240000",
    ]);
    expect(stateOf(subject.session)).toBe("OpenSent");
  });

  it("reaches Established, and listens again when it ends, without dialling", () => {
    const subject = new Subject({ passive: true }).bring("incoming", "Established");
    expect(stateOf(subject.session)).toBe("Established");
    const actions = words(subject.feed({ type: "closed", slot: "incoming", why: { kind: "closed", text: "gone" } }));
    expect(actions).toEqual(["down closed restartable", "note gone", "stop hold incoming", "stop keepalive incoming"]);
    expect(subject.session.incoming.state).toBe("Active");
    expect(subject.session.outgoing.state).toBe("Idle");
  });

  it("is refused before the start, after the stop and in the wait after an error", () => {
    const subject = new Subject();
    expect(words(subject.feed({ type: "offered" }))).toEqual(["refuse"]);
    subject.bring(SLOT, "OpenSent").feed(EVENTS.malformed);
    expect(subject.session.holding).toBe(true);
    expect(words(subject.feed({ type: "offered" }))).toEqual(["refuse"]);
    subject.feed(EVENTS.stop);
    expect(words(subject.feed({ type: "offered" }))).toEqual(["refuse"]);
  });

  it("replaces one that never said a word: a peer does not dial twice at once", () => {
    const subject = new Subject({ passive: true }).bring("incoming", "OpenSent");
    expect(words(subject.feed({ type: "offered" }))).toEqual([
      "close incoming",
      "stop hold incoming",
      "stop keepalive incoming",
      "adopt",
      "send open incoming",
      "start hold incoming 240000",
    ]);
  });
});

describe("RFC 4271 §6.8 connection collision", () => {
  const LARGER = openOf({ routerId: 0x0a000003 as never });
  const SMALLER = openOf({ routerId: 0x0a000001 as never });

  function bothOpen(open: ReturnType<typeof openOf>) {
    const subject = new Subject().bring("outgoing", "OpenSent").bring("incoming", "OpenSent");
    subject.feed({ type: "message", slot: "outgoing", message: open });
    return { subject, actions: words(subject.feed({ type: "message", slot: "incoming", message: open })) };
  }

  it("keeps the connection of the speaker with the larger identifier: the peer's", () => {
    const { subject, actions } = bothOpen(LARGER);
    expect(actions).toContain("send notification 6/7 outgoing");
    expect(actions).toContain("close outgoing");
    expect(subject.session).toMatchObject({ outgoing: { state: "Idle" }, incoming: { state: "OpenConfirm" } });
  });

  it("keeps the connection of the speaker with the larger identifier: ours", () => {
    const { subject, actions } = bothOpen(SMALLER);
    expect(actions).toContain("send notification 6/7 incoming");
    expect(subject.session).toMatchObject({ outgoing: { state: "OpenConfirm" }, incoming: { state: "Active" } });
  });

  it("compares AS numbers where the identifiers are equal (RFC 6286 §2.3)", () => {
    const subject = new Subject({ remoteAs: 64513 });
    const open = openOf({ as: 64513, routerId: subject.config.routerId });
    subject.bring("outgoing", "OpenSent").bring("incoming", "OpenSent");
    subject.feed({ type: "message", slot: "outgoing", message: open });
    subject.feed({ type: "message", slot: "incoming", message: open });
    expect(subject.session).toMatchObject({ outgoing: { state: "Idle" }, incoming: { state: "OpenConfirm" } });
  });

  it("both sides keep the same connection", () => {
    for (const [mine, theirs] of [
      [0x0a000001, 0x0a000003],
      [0x0a000003, 0x0a000001],
    ] as const) {
      const kept = (own: number, other: number) => {
        const subject = new Subject({ routerId: own as never });
        subject.bring("outgoing", "OpenSent").bring("incoming", "OpenSent");
        const message = openOf({ routerId: other as never });
        subject.feed({ type: "message", slot: "outgoing", message });
        subject.feed({ type: "message", slot: "incoming", message });
        return subject.session.outgoing.state === "OpenConfirm" ? "outgoing" : "incoming";
      };
      // What one side dialled, the other accepted.
      expect(kept(mine, theirs)).not.toBe(kept(theirs, mine));
    }
  });

  it("a dial still under way is given up when the peer's connection is Established", () => {
    const subject = new Subject().bring("incoming", "OpenConfirm");
    expect(subject.session.outgoing.state).toBe("Connect");
    const actions = words(subject.feed({ type: "message", slot: "incoming", message: { type: "keepalive" } }));
    expect(actions).toContain("cancel-dial");
    expect(subject.session.outgoing.state).toBe("Idle");
    expect(negotiatedOf(subject.session)).toBeDefined();
  });

  it("a connection offered to an Established session is refused, unless the peer can restart", () => {
    const subject = new Subject({ passive: true }).bring("incoming", "Established");
    expect(words(subject.feed({ type: "offered" }))).toEqual(["refuse 6/7"]);
    expect(stateOf(subject.session)).toBe("Established");
  });

  it("a connection offered by a peer that can restart replaces its Established one, without a NOTIFICATION (RFC 4724 §5)", () => {
    const { capabilities } = openOf();
    const gracefulRestart = {
      restarting: false,
      notification: false,
      restartTimeS: 60,
      families: [{ family: 4, forwarding: true }],
    } as const;
    const open = openOf({ capabilities: { ...capabilities, gracefulRestart } });
    for (const slot of ["outgoing", "incoming"] as const) {
      const subject = new Subject().bring(slot, "Established", open);
      expect(words(subject.feed({ type: "offered" }))).toEqual([
        "down replaced restartable",
        "note the peer has restarted and dialled anew",
        `close ${slot}`,
        `stop hold ${slot}`,
        `stop keepalive ${slot}`,
        "adopt",
        "send open incoming",
        "start hold incoming 240000",
      ]);
      expect(subject.session).toMatchObject({ outgoing: { state: "Idle" }, incoming: { state: "OpenSent" } });
    }
  });

  it("the loser of a collision dials again only when the winner has ended", () => {
    const { subject } = bothOpen(LARGER);
    subject.feed({ type: "message", slot: "incoming", message: { type: "keepalive" } });
    expect(subject.session.outgoing.state).toBe("Idle");
    const actions = words(subject.feed({ type: "closed", slot: "incoming", why: { kind: "closed", text: "gone" } }));
    expect(actions).toContain("start connect-retry outgoing 100");
  });
});

describe("waits", () => {
  it("redials after 0.1 s, doubling to 5 s, and from the beginning after a session", () => {
    const subject = new Subject();
    subject.feed({ type: "start" });
    const delays: string[] = [];
    for (let attempt = 0; attempt < 8; attempt++) {
      const [, , delay] = words(
        subject.feed({ type: "closed", slot: "outgoing", why: { kind: "closed", text: "connection refused" } }),
      );
      delays.push(delay ?? "");
      subject.feed(EVENTS["connect retry"]);
    }
    const ms = [100, 200, 400, 800, 1600, 3200, 5000, 5000];
    expect(delays).toEqual(ms.map((delay) => `start connect-retry outgoing ${delay}`));
    subject.feed({ type: "connected" });
    subject.feed(EVENTS.OPEN);
    subject.feed(EVENTS.KEEPALIVE);
    expect(words(subject.feed(EVENTS.closed))).toContain("start connect-retry outgoing 100");
  });

  it("rests 5 s after an error, doubling to 30 s; an error 300 s old is forgotten", () => {
    const subject = new Subject();
    subject.feed({ type: "start" });
    const fail = () => {
      subject.feed({ type: "connected" });
      const wait = words(subject.feed(EVENTS.malformed)).find((text) => text.startsWith("hold "));
      subject.feed({ type: "idle-hold-expired" });
      expect(subject.session.outgoing.state).toBe("Connect");
      return wait;
    };
    const waits = [1000, 2000, 3000, 4000, 5000].map((now) => {
      subject.now = now;
      return fail();
    });
    expect(waits).toEqual(["hold 5000", "hold 10000", "hold 20000", "hold 30000", "hold 30000"]);
    subject.now = 5000 + 300_000;
    expect(fail()).toBe("hold 5000");
  });

  it.each([
    ["cease/shutdown", "start connect-retry outgoing 2000"],
    ["cease/configuration-change", "start connect-retry outgoing 2000"],
    ["cease/collision", "start connect-retry outgoing 100"],
    ["cease/rejected", "hold 5000"],
    ["cease/prefix-limit", "hold 5000"],
    ["open/bad-peer-as", "hold 5000"],
    ["hold-timer-expired", "hold 5000"],
  ] as const)("after a received %s: %s", (kind, expected) => {
    const subject = new Subject().bring(SLOT, "Established");
    expect(words(subject.feed({ type: "message", slot: SLOT, message: notification(kind) }))).toContain(expected);
  });

  it("an offered hold time of zero stops keepalives and the hold timer", () => {
    const subject = new Subject({ holdTimeS: 0 }).bring(SLOT, "OpenSent");
    expect(words(subject.feed(EVENTS.OPEN))).toEqual(["send keepalive outgoing", "stop hold outgoing"]);
    expect(words(subject.feed(EVENTS.KEEPALIVE))).toEqual(["up outgoing"]);
  });

  it("starts and stops dialling when the peer becomes active or passive, and leaves a session alone", () => {
    const passive = new Subject({ passive: true });
    passive.feed({ type: "start" });
    const active = new Subject();
    active.session = passive.session;
    expect(words(active.feed({ type: "reconfigured" }))).toEqual(["start connect-retry outgoing 0"]);
    passive.session = active.session;
    expect(words(passive.feed({ type: "reconfigured" }))).toEqual(["stop connect-retry outgoing"]);
    const up = new Subject().bring(SLOT, "Established");
    expect(words(up.feed({ type: "reconfigured" }))).toEqual([]);
  });
});
