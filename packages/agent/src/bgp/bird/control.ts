import { connect } from "node:net";
import { OcicatError } from "@ocicat/kit";

const ANSWER_MS = 5_000;

/** The answer of BIRD's control socket to one command: its lines with their codes, the last one too. */
export type BirdAnswer = readonly { readonly code: number; readonly text: string }[];

/** Throws OcicatError BIRD_UNREACHABLE. */
export async function askBird(socket: string, command: string): Promise<BirdAnswer> {
  return await new Promise((resolve, reject) => {
    const connection = connect(socket);
    let text = "";
    const fail = (why: string) => {
      connection.destroy();
      const what = `BIRD does not answer: ${why}`;
      reject(new OcicatError({ code: "BIRD_UNREACHABLE", where: socket, what, retryable: true }));
    };
    connection.setEncoding("utf8");
    connection.setTimeout(ANSWER_MS, () => fail(`nothing within ${ANSWER_MS / 1000} s`));
    connection.on("error", (error) => fail(error.message));
    connection.on("close", () => fail("the connection was closed"));
    connection.on("data", (chunk: string) => {
      text += chunk;
      const greeted = /^0001 [^\n]*\n/.exec(text);
      if (greeted === null) return;
      const answer = readAnswer(text.slice(greeted[0].length));
      if (answer === undefined) return;
      resolve(answer);
      connection.removeAllListeners("close");
      connection.destroy();
    });
    connection.on("connect", () => connection.write(`${command}\n`));
  });
}

/** Undefined while the last line, a code and a blank, is not there. */
export function readAnswer(text: string): BirdAnswer | undefined {
  const lines: { code: number; text: string }[] = [];
  let code = 0;
  for (const line of text.split("\n").slice(0, -1)) {
    const [, digits, separator] = /^(\d{4})([- ])/.exec(line) ?? [];
    if (digits !== undefined) code = Number(digits);
    lines.push({ code, text: line.slice(digits === undefined ? 1 : 5) });
    if (separator === " ") return lines;
  }
  return undefined;
}
