import { OcicatError, stringifyJson } from "@ocicat/kit";
import { type BgpSession, readSessions } from "../agents/bgp-answers.ts";
import { type AgentAnswer, askAgents } from "../agents/reach.ts";
import type { BgpOptions } from "../options/bgp.ts";
import { formatOf } from "../output/choose.ts";
import { formatSince } from "../output/since.ts";
import { plainTable } from "../output/table.ts";
import type { Surroundings } from "../surroundings.ts";

export async function showPeers(surroundings: Surroundings, { node, output }: BgpOptions): Promise<void> {
  const answers = await askAgents(surroundings, node, "/bgp", readSessions);
  const format = formatOf(output, {
    ps: () => peersTable(answers, surroundings),
    json: () => `${stringifyJson(answers, 2)}\n`,
  });
  surroundings.print(format());
}

export async function showPeer(surroundings: Surroundings, name: string, { node, output }: BgpOptions): Promise<void> {
  const all = await askAgents(surroundings, node, "/bgp", readSessions);
  const answers = all
    .map((answer) => ({ node: answer.node, body: answer.body.filter((session) => isCalled(session, name)) }))
    .filter(({ body }) => body.length > 0);
  if (answers.length === 0) {
    const names = all.flatMap(({ body }) => body.map((session) => session.name));
    const fix = names.length === 0 ? "no node here has a session" : `use one of ${[...new Set(names)].join(", ")}`;
    throw new OcicatError({ code: "BGP_NO_PEER", what: `no BGP session here is called "${name}"`, fix });
  }
  const format = formatOf(output, {
    ps: () => answers.flatMap((answer) => answer.body.map((session) => details(answer.node, session))).join("\n"),
    json: () => `${stringifyJson(answers, 2)}\n`,
  });
  surroundings.print(format());
}

function isCalled({ name, address, node }: BgpSession, text: string): boolean {
  return [name, address, node].includes(text);
}

function peersTable(answers: readonly AgentAnswer<readonly BgpSession[]>[], { now, timeZone }: Surroundings): string {
  const rows = answers.flatMap(({ node, body }) =>
    body.map((session) => [
      node,
      session.name,
      session.node ?? session.address,
      String(session.as),
      session.type,
      session.state,
      formatSince(session.since, now(), timeZone),
      session.state === "Established" ? `${session.accepted}/${session.received}` : "",
      session.state === "Established" ? String(session.advertised) : "",
      session.state === session.info ? "" : session.info,
    ]),
  );
  if (rows.length === 0) return "No BGP sessions.\n";
  const headings = ["NODE", "SESSION", "PEER", "AS", "TYPE", "STATE", "SINCE", "TAKEN/TOLD", "ADVERTISED", "INFO"];
  return plainTable({ headings, rows });
}

function details(node: string, session: BgpSession): string {
  const { negotiated = {} } = session;
  const rows: readonly (readonly [string, string])[] = [
    ["Session", `${session.name}, of ${node}`],
    ["Peer", `${session.address}, AS ${session.as}${session.node === undefined ? "" : `, node ${session.node}`}`],
    ["Because of", session.reason],
    ["State", `${session.state} since ${session.since.toISOString()}`],
    ...(session.info === session.state ? [] : [["Info", session.info] as const]),
    ...Object.entries(negotiated).map(([name, value]) => [inWords(name), String(value)] as const),
    ["Routes", `${session.received} told by it, ${session.accepted} of them taken, ${session.advertised} told to it`],
    ...(session.stale === 0 ? [] : [["Kept", `${session.stale} from before it restarted`] as const]),
    ["UPDATEs", `${session.updatesIn} received, ${session.updatesOut} sent`],
  ];
  const width = Math.max(...rows.map(([heading]) => heading.length));
  return rows.map(([heading, text]) => `${`${heading}:`.padEnd(width + 2)}${text}\n`).join("");
}

/** `holdTimeS` → `Hold time (s)`. */
function inWords(name: string): string {
  const words = name.replace(/S$/, " (s)").replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}
