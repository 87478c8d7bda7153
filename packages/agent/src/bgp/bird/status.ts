import type { BirdAnswer } from "./control.ts";

/** A session as BIRD tells of it. */
export interface BirdSession {
  readonly name: string;
  /** Of the state machine (RFC 4271 §8.2.2). */
  readonly state: string;
  /** Why it is not up; undefined: nothing is said. */
  readonly info: string | undefined;
  readonly imported: number;
  readonly exported: number;
  readonly neighborId: string | undefined;
  readonly holdTimeS: number | undefined;
  readonly keepaliveS: number | undefined;
}

/**
 * `show protocols all`, of BIRD 2:
 *
 *     1002-Mesh_192_168_0_82 BGP        ---        up     19:05:16.066  Established
 *     1006-  BGP state:          Established
 *          Neighbor ID:      192.168.0.82
 *          Hold timer:       61.2/90
 *        Channel ipv4
 *          Routes:         1 imported, 2 exported, 1 preferred
 */
export function readSessions(answer: BirdAnswer): ReadonlyMap<string, BirdSession> {
  const blocks = new Map<string, string[]>();
  let lines: string[] | undefined;
  for (const { code, text } of answer) {
    if (code === 1002) {
      const [name = "", kind] = text.trim().split(/\s+/);
      lines = kind === "BGP" ? [] : undefined;
      if (lines !== undefined) blocks.set(name, lines);
    }
    lines?.push(text);
  }
  return new Map([...blocks].map(([name, text]) => [name, readSession(name, text)]));
}

function readSession(name: string, [head = "", ...lines]: readonly string[]): BirdSession {
  const words = head.trim().split(/\s+/);
  const field = (title: string) =>
    lines
      .map((line) => line.trim())
      .find((line) => line.startsWith(`${title}:`))
      ?.slice(title.length + 1)
      .trim();
  const state = field("BGP state") ?? "Idle";
  const [, imported = 0, exported = 0] = /(\d+) imported,.*?(\d+) exported/.exec(field("Routes") ?? "") ?? [];
  const error = field("Last error") ?? words.slice(6).join(" ");
  return {
    name,
    // A session that only waits is called so; the protocol's word is Active.
    state: state === "Passive" ? "Active" : state,
    info: state === "Established" || error === "" ? undefined : error,
    imported: Number(imported),
    exported: Number(exported),
    neighborId: field("Neighbor ID"),
    holdTimeS: seconds(field("Hold timer")),
    keepaliveS: seconds(field("Keepalive timer")),
  };
}

/** "61.216/90": what is left, and all of it. */
function seconds(text: string | undefined): number | undefined {
  const all = text?.split("/")[1];
  return all === undefined ? undefined : Number(all);
}
