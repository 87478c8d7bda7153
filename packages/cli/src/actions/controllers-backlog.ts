import { existsSync } from "node:fs";
import { OcicatError, stringifyJson } from "@ocicat/kit";
import { fieldsOf, list, texts } from "../agents/answers.ts";
import { askAgent } from "../agents/ask.ts";
import type { BacklogOptions } from "../options/controllers.ts";
import { plainTable } from "../output/table.ts";
import type { Surroundings } from "../surroundings.ts";

/** Asks the controllers of this host what waits to be collected. Throws OcicatError CONTROLLERS_NONE. */
export async function showBacklog(surroundings: Surroundings, { output }: BacklogOptions): Promise<void> {
  const format = FORMATS[output];
  if (format === undefined) {
    const fix = `use one of ${Object.keys(FORMATS).join(", ")}`;
    throw new OcicatError({ code: "CLI_OUTPUT", what: `"${output}" is not an output format`, fix });
  }
  const { DEFAULT_SOCKET } = await import("@ocicat/controllers");
  const socket = surroundings.env.OCICAT_CONTROLLERS_SOCKET || DEFAULT_SOCKET;
  if (!existsSync(socket)) {
    throw new OcicatError({
      code: "CONTROLLERS_NONE",
      where: socket,
      what: "no controllers run on this host",
      fix: "start them with ocicat controllers run, or ask on the host where they run",
    });
  }
  surroundings.print(format(await askAgent(socket, "/backlog", { who: "the controllers" })));
}

const FORMATS: Readonly<Record<string, (body: unknown) => string>> = {
  ps: table,
  json: (body) => `${stringifyJson(body, 2)}\n`,
};

function table(body: unknown): string {
  const report = fieldsOf(body, "/backlog");
  const leader = report("leader");
  const idle = report("idle");
  const head = [
    `Leader: ${typeof leader === "string" ? leader : "nobody"}${report("leading") === true ? " (this one)" : ""}`,
    ...(typeof idle === "string" ? [`This one collects nothing now: ${idle}`] : []),
  ];
  const rows = list(report("candidates"), "/backlog").map(rowOf);
  const rest = rows.length === 0 ? "Nothing seems to be garbage.\n" : plainTable({ headings: HEADINGS, rows });
  return `${head.join("\n")}\n\n${rest}`;
}

const HEADINGS = ["WHAT", "ADDRESSES", "NODE", "SINCE", "DUE", "WHY"];

function rowOf(entry: unknown): string[] {
  const field = fieldsOf(entry, "/backlog");
  const text = texts(entry, "/backlog");
  const { node, problem, addresses } = {
    node: field("node"),
    problem: field("problem"),
    addresses: field("addresses"),
  };
  const due = field("dueInSeconds");
  return [
    text("subject"),
    list(addresses, "/backlog").join(","),
    typeof node === "string" ? node : "",
    seconds(field("seconds")),
    due === undefined ? "never" : due === 0 ? "now" : `in ${seconds(due)}`,
    `${text("why")} (${text("reason")})${typeof problem === "string" ? `; last attempt: ${problem}` : ""}`,
  ];
}

/** `45s`, `12m03s`, `2h15m`. */
function seconds(value: unknown): string {
  if (typeof value !== "number") return "";
  const whole = Math.round(value);
  if (whole < 60) return `${whole}s`;
  const pad = (part: number) => String(part).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)}m${pad(whole % 60)}s`;
  return `${Math.floor(whole / 3600)}h${pad(Math.floor((whole % 3600) / 60))}m`;
}
