import { fieldsOf, list, texts, unexpected } from "./answers.ts";

const WHERE = "/flows";

/** Who talked to whom, and what was decided about it, as an agent reports it. */
export interface FlowLine {
  readonly since: string;
  readonly until: string;
  readonly action: string;
  /** Whose policies decided. */
  readonly reporter: string;
  /** `default/web-1 (10.244.166.129)`. */
  readonly source: string;
  readonly destination: string;
  /** `TCP 80`, `ICMP type 8`. */
  readonly packets: string;
  readonly count: number;
  /** `NetworkPolicy default/db spec.ingress[0]`. */
  readonly by: string;
}

export interface FlowAnswer {
  readonly lost: number;
  readonly uncounted: number;
  readonly flows: readonly FlowLine[];
  /** As it came. */
  readonly body: unknown;
}

export function readFlows(body: unknown): FlowAnswer {
  const field = fieldsOf(body, WHERE);
  return {
    lost: numberIn(field("lost"), "lost"),
    uncounted: numberIn(field("uncounted"), "uncounted"),
    flows: list(field("flows"), WHERE).map(readFlow),
    body,
  };
}

export function readFlow(entry: unknown): FlowLine {
  const text = texts(entry, WHERE);
  const field = fieldsOf(entry, WHERE);
  const reporter = text("reporter");
  const direction = reporter === "source" ? "egress" : "ingress";
  const steps = list(field("steps"), WHERE).map((step) => stepText(step, direction));
  return {
    since: text("since"),
    until: text("until"),
    action: text("action"),
    reporter,
    source: endText(field("source")),
    destination: endText(field("destination")),
    packets: packetsText(text("protocol"), field("port"), field("icmp")),
    count: numberIn(field("count"), "count"),
    by: steps.join("; "),
  };
}

/** How many flows an agent could not tell who follows, for it was too slow; undefined for a flow. */
export function readMissed(entry: unknown): number | undefined {
  const missed = fieldsOf(entry, WHERE)("missed");
  return typeof missed === "number" ? missed : undefined;
}

function endText(end: unknown): string {
  const field = fieldsOf(end, WHERE);
  const { kind, name } = { kind: texts(end, WHERE)("kind"), name: texts(end, WHERE)("name") };
  const address = field("address");
  if (typeof address !== "string") return name;
  return kind === "network" ? `${address} (${name})` : `${name} (${address})`;
}

function packetsText(protocol: string, port: unknown, icmp: unknown): string {
  if (typeof port === "number") return `${protocol} ${port}`;
  return icmp === undefined || icmp === null
    ? protocol
    : `${protocol} type ${numberIn(fieldsOf(icmp, WHERE)("type"), "type")}`;
}

function stepText(step: unknown, direction: string): string {
  const text = texts(step, WHERE);
  const rule = fieldsOf(step, WHERE)("rule");
  const at = typeof rule === "number" ? ` spec.${direction}[${rule}]` : "";
  const passed = text("action") === "pass" ? " passes" : "";
  switch (text("by")) {
    case "profile":
      return `Profile ${text("name")}${at}${passed}`;
    case "tier":
      return `end of the tier ${text("name")}${passed}`;
    case "end":
      return "no profile";
    default:
      return `${text("name")}${at}${passed}`;
  }
}

function numberIn(value: unknown, name: string): number {
  if (typeof value === "number") return value;
  throw unexpected(WHERE, `"${name}" as a number`);
}
