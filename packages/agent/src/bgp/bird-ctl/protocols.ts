import type { Reply } from "./reply.ts";
import type { BirdSource } from "./source.ts";
import { shortTime } from "./time.ts";

type Session = ReturnType<BirdSource["sessions"]>[number];

/** The columns of BIRD 1.6, by which Calico's own tools know the table. */
const HEADING: Reply = { code: 2002, lines: [row("name", "proto", "table", "state", "since", "info")] };

/** What runs in BIRD besides sessions, under the names that Calico's configuration gives. */
const OTHERS = [
  ["static1", "Static"],
  ["kernel1", "Kernel"],
  ["device1", "Device"],
  ["direct1", "Direct"],
] as const;

/** `show protocols [all] [NAME]`. */
export function showProtocols(source: BirdSource, { all, name }: { all: boolean; name: string | undefined }): Reply[] {
  const wanted = (candidate: string) => name === undefined || matches(candidate, name);
  const booted = shortTime(source.bootedAt, source.now);
  const others = OTHERS.filter(([own]) => wanted(own)).map(([own, kind]) => ({
    code: 1002,
    lines: [row(own, kind, "master", "up", booted, "")],
  }));
  const sessions = source
    .sessions()
    .filter((session) => isOf(session, source) && wanted(session.name))
    .flatMap((session) => [
      { code: 1002, lines: [sessionRow(session, source.now)] },
      ...(all ? [{ code: 1006, lines: [...details(session, source), ""] }] : []),
    ]);
  return [HEADING, ...others, ...sessions];
}

/** Each family has a socket of its own, as each of Calico's two daemons has. */
function isOf({ address }: Session, { family }: BirdSource): boolean {
  return address.includes(":") === (family === 6);
}

/** A name, or a pattern with `*` and `?` in quotes. */
function matches(name: string, pattern: string): boolean {
  const [, quoted] = /^"(.*)"$/.exec(pattern) ?? [];
  if (quoted === undefined) return name === pattern;
  const expression = quoted
    .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${expression}$`).test(name);
}

function sessionRow({ name, state, since, info }: Session, now: number): string {
  const isUp = state === "Established";
  const said = isUp || info === state ? state : `${state.padEnd(13)} ${info}`;
  return row(name, "BGP", "master", isUp ? "up" : "start", shortTime(Date.parse(since), now), said);
}

function row(...[name = "", proto = "", table = "", state = "", since = "", info = ""]: string[]): string {
  return `${name.padEnd(8)} ${proto.padEnd(8)} ${table.padEnd(8)} ${state.padEnd(6)} ${since.padEnd(10)}  ${info}`.trimEnd();
}

function details(session: Session, { localAs }: BirdSource): string[] {
  const { negotiated, as } = session;
  const kind = as === localAs ? "internal" : "external";
  return [
    "  Description:    Connection to BGP peer",
    "  Preference:     100",
    `  Routes:         ${session.accepted} imported, ${session.advertised} exported, ${session.received} received`,
    `  BGP state:          ${session.state}`,
    `    Neighbor address: ${session.address}`,
    `    Neighbor AS:      ${as}`,
    ...(negotiated === undefined
      ? session.info === session.state
        ? []
        : [`    Last error:       ${session.info}`]
      : [
          `    Neighbor ID:      ${negotiated.routerId}`,
          `    Neighbor caps:    ${capabilities(negotiated)}`,
          `    Session:          ${kind} multihop${negotiated.fourOctetAs ? " AS4" : ""}`,
          `    Hold timer:       ${negotiated.holdTimeS}`,
          `    Keepalive timer:  ${negotiated.keepaliveS}`,
        ]),
  ];
}

function capabilities({ routeRefresh, gracefulRestart, fourOctetAs }: NonNullable<Session["negotiated"]>): string {
  const names = [routeRefresh && "refresh", gracefulRestart && "restart-aware", fourOctetAs && "AS4"];
  return names.filter((name) => name !== false).join(" ");
}
