import { OcicatError, parseJson, toError } from "@ocicat/kit";

/** An agent is on this machine: one that takes longer than this is stuck. */
const TIMEOUT_MS = 10_000;

interface Answer {
  readonly status: number;
  readonly text: string;
}

export interface AskOptions {
  readonly timeoutMs?: number;
  /** Who is asked, for messages; the agent unless told. */
  readonly who?: string;
}

/** GET over an agent's Unix socket; its answer as JSON. Throws OcicatError AGENT_UNREACHABLE, AGENT_REFUSED. */
export async function askAgent(socket: string, path: string, options: AskOptions = {}): Promise<unknown> {
  const { timeoutMs = TIMEOUT_MS, who = "the agent" } = options;
  const { status, text } = await get(socket, path, timeoutMs, who);
  const body = jsonIn(text);
  if (status === 200 && body !== undefined) return body;
  const what =
    status === 200
      ? `${who}${who.endsWith("s") ? "'" : "'s"} answer is not JSON`
      : (messageIn(body) ?? `${who} answered ${status}: ${text.trim()}`);
  throw new OcicatError({ code: "AGENT_REFUSED", where: socket, what });
}

/**
 * GET of an answer without an end, a JSON object a line, until `until` resolves. Resolves when that has happened; throws
 * OcicatError AGENT_UNREACHABLE, AGENT_REFUSED if it cannot begin, or if it ends by itself.
 */
export async function followAgent(
  socket: string,
  path: string,
  onValue: (value: unknown) => void,
  until: Promise<void>,
): Promise<void> {
  const { request } = http();
  const call = request({ socketPath: socket, path });
  await new Promise<void>((resolve, reject) => {
    void until.then(() => {
      call.destroy();
      resolve();
    });
    call.on("error", (cause) => reject(unreachable(socket, cause, "the agent")));
    call.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
        if (response.statusCode !== 200) return;
        const lines = text.split("\n");
        text = lines.pop() ?? "";
        try {
          for (const line of lines) onValue(jsonIn(line));
        } catch (error) {
          reject(toError(error));
          call.destroy();
        }
      });
      response.on("error", (cause) => reject(unreachable(socket, cause, "the agent")));
      response.on("end", () => {
        const refusal = response.statusCode === 200 ? "the agent has ended" : messageIn(jsonIn(text));
        const what = refusal ?? `the agent answered ${response.statusCode}: ${text.trim()}`;
        reject(new OcicatError({ code: "AGENT_REFUSED", where: socket, what }));
      });
    });
    call.end();
  });
}

/** GET of a file. Throws OcicatError AGENT_UNREACHABLE, AGENT_REFUSED; also where the file breaks off. */
export async function downloadFromAgent(
  socket: string,
  path: string,
  take: (piece: Uint8Array) => void,
): Promise<void> {
  const { request } = http();
  const call = request({ socketPath: socket, path });
  await new Promise<void>((resolve, reject) => {
    call.on("error", (cause) => reject(unreachable(socket, cause, "the agent")));
    call.on("response", (response) => {
      let refusal = "";
      response.on("data", (piece: Uint8Array) => {
        if (response.statusCode === 200) take(piece);
        else refusal += Buffer.from(piece).toString();
      });
      response.on("error", (cause) => reject(unreachable(socket, cause, "the agent")));
      response.on("end", () => {
        if (response.statusCode === 200) return resolve();
        const what = messageIn(jsonIn(refusal)) ?? `the agent answered ${response.statusCode}: ${refusal.trim()}`;
        reject(new OcicatError({ code: "AGENT_REFUSED", where: socket, what }));
      });
    });
    call.end();
  });
}

/** Loaded when an agent is asked, and not imported: an import loads its WebSocket too, and a command would wait 35 ms for it. */
function http() {
  return process.getBuiltinModule("node:http");
}

async function get(socketPath: string, path: string, timeout: number, who: string): Promise<Answer> {
  const { request } = http();
  return await new Promise((resolve, reject) => {
    const call = request({ socketPath, path, timeout }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
      response.on("error", (cause) => reject(unreachable(socketPath, cause, who)));
    });
    call.on("timeout", () => call.destroy(new Error(`no answer within ${timeout / 1000} s`)));
    call.on("error", (cause) => reject(unreachable(socketPath, cause, who)));
    call.end();
  });
}

const WHY: Readonly<Record<string, string>> = {
  EACCES: "only root may ask it: run this with sudo",
  ECONNREFUSED: "it has ended and left its socket behind",
  ENOENT: "it has ended",
};

function unreachable(socket: string, cause: NodeJS.ErrnoException, who: string): OcicatError {
  return new OcicatError({
    code: "AGENT_UNREACHABLE",
    where: socket,
    what: `${who} ${who.endsWith("s") ? "do" : "does"} not answer`,
    why: WHY[cause.code ?? ""] ?? cause.message,
    cause,
  });
}

function jsonIn(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

/** Agents refuse with {code, message}. */
function messageIn(body: unknown): string | undefined {
  if (typeof body !== "object" || body === null || !("message" in body)) return undefined;
  return String(body.message);
}
