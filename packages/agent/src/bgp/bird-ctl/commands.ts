import { AddressError, type Prefix, parsePrefix } from "@ocicat/net";
import { showProtocols } from "./protocols.ts";
import { DONE, encodeReplies, type Reply } from "./reply.ts";
import { type RouteQuestion, showRoute } from "./routes.ts";
import type { BirdSource } from "./source.ts";
import { longTime } from "./time.ts";

/** What Calico's BIRD says it is; tools take the version from behind "BIRD". */
export const VERSION = "v0.3.3+ocicat";
export const WELCOME = `0001 BIRD ${VERSION} ready.\n`;

interface Answered {
  readonly replies: readonly Reply[];
  readonly end: Reply;
}

type Command = (words: readonly string[], source: BirdSource) => Answered;

/** By what a line begins with, the longer ones first. What would change something is for the datastore to say. */
const COMMANDS: readonly (readonly [begins: readonly string[], command: Command])[] = [
  [["show", "status"], (_words, source) => showStatus(source)],
  [["show", "protocols"], (words, source) => done(showProtocols(source, protocolsQuestion(words)))],
  [["show", "route"], (words, source) => answerRoute(words, source)],
  [["restrict"], () => ended(16, "Access restricted")],
  [["echo"], () => done([])],
  ...["configure", "down", "graceful", "disable", "enable", "restart", "reload", "debug"].map(
    (word) => [[word], () => ended(8007, "Access denied: what BGP does is set in the datastore")] as const,
  ),
];

/** The answer to one line, whole. */
export function answerLine(line: string, source: BirdSource): string {
  const words = line.trim().split(/\s+/);
  if (line.trim() === "") return encodeReplies([], DONE);
  for (const [begins, command] of COMMANDS) {
    if (begins.some((word, index) => words[index] !== word)) continue;
    const { replies, end } = command(words.slice(begins.length), source);
    return encodeReplies(replies, end);
  }
  return encodeReplies([], { code: 9001, lines: [`syntax error, unexpected ${words[0] ?? ""}`] });
}

function done(replies: readonly Reply[]): Answered {
  return { replies, end: DONE };
}

function ended(code: number, text: string): Answered {
  return { replies: [], end: { code, lines: [text] } };
}

function showStatus({ routerId, hostName, now, bootedAt, configuredAt }: BirdSource): Answered {
  const lines = [
    `Router ID is ${routerId}`,
    `Hostname is ${hostName}`,
    `Current server time is ${longTime(now)}`,
    `Last reboot on ${longTime(bootedAt)}`,
    `Last reconfiguration on ${longTime(configuredAt)}`,
  ];
  const replies = [
    { code: 1000, lines: [`BIRD ${VERSION}`] },
    { code: 1011, lines },
  ];
  return { replies, end: { code: 13, lines: ["Daemon is up and running"] } };
}

function protocolsQuestion(words: readonly string[]) {
  const [name] = words.filter((word) => word !== "all");
  return { all: words.includes("all"), name };
}

function answerRoute(words: readonly string[], source: BirdSource): Answered {
  const question = routeQuestion(words);
  if (typeof question === "string") return ended(9001, question);
  const replies = showRoute(source, question);
  return replies === undefined ? ended(8001, "Network not in table") : done(replies);
}

/** `[for] NETWORK`, `all`, `primary`, `protocol NAME`, in any order; else what is wrong. */
function routeQuestion(words: readonly string[]): RouteQuestion | string {
  let question: RouteQuestion = { all: false, target: undefined, exact: false, protocol: undefined, primary: false };
  const left = [...words];
  for (let word = left.shift(); word !== undefined; word = left.shift()) {
    if (word === "all") question = { ...question, all: true };
    else if (word === "primary") question = { ...question, primary: true };
    else if (word === "protocol") question = { ...question, protocol: left.shift() };
    else {
      const text = word === "for" ? (left.shift() ?? "") : word;
      const target = networkOf(text);
      if (target === undefined) return `syntax error, unexpected ${text === "" ? "end of line" : text}`;
      question = { ...question, target, exact: word !== "for" };
    }
  }
  return question;
}

function networkOf(text: string): Prefix | undefined {
  try {
    return parsePrefix(text, { hostBits: "clear" });
  } catch (error) {
    if (error instanceof AddressError) return undefined;
    throw error;
  }
}
