import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { type Clock, toError } from "@ocicat/kit";
import { configError } from "./errors.ts";
import type { Source, TokenCommand, TokenSource } from "./target.ts";

/** A file may have another token by then. Kubelet writes a new one when a fifth of the old one's life is left: minutes at least. */
const READ_AGAIN_MS = 10_000;
/** A command's token is asked for again so long before it ends. */
const EARLY_MS = 30_000;

interface Known {
  readonly token: string;
  /** By the monotonic clock; Infinity: for ever. */
  readonly goodUntil: number;
}

/** The token that goes with each request, new when there is a new one. */
export class Credentials {
  readonly #source: TokenSource | undefined;
  readonly #clock: Clock;
  #known: Known | undefined;
  #reading: Promise<Known> | undefined;

  constructor(source: TokenSource | undefined, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  /** The value of the authorization header, or none. Throws OcicatError KUBERNETES_CONFIG. */
  async header(): Promise<string | undefined> {
    const source = this.#source;
    if (source === undefined) return undefined;
    const known = this.#known;
    if (known !== undefined && this.#clock.monotonic() < known.goodUntil) return `Bearer ${known.token}`;
    return `Bearer ${(await this.#read(source)).token}`;
  }

  /** The server refused a token: true if there is another one by now. */
  async renew(refused: string | undefined): Promise<boolean> {
    const source = this.#source;
    if (source === undefined || "text" in source) return false;
    const { token } = await this.#read(source);
    return `Bearer ${token}` !== refused;
  }

  #read(source: TokenSource): Promise<Known> {
    this.#reading ??= readToken(source, this.#clock)
      .then((known) => {
        this.#known = known;
        return known;
      })
      .finally(() => {
        this.#reading = undefined;
      });
    return this.#reading;
  }
}

async function readToken(source: TokenSource, clock: Clock): Promise<Known> {
  if ("command" in source) return await runCommand(source.command, clock);
  const token = (await readSource(source)).trim();
  if (token !== "") return { token, goodUntil: "text" in source ? Infinity : clock.monotonic() + READ_AGAIN_MS };
  throw configError("file" in source ? source.file : "token", "holds no token", "write one into it");
}

/** Throws OcicatError KUBERNETES_CONFIG. */
export async function readSource(source: Source): Promise<string> {
  if ("text" in source) return source.text;
  try {
    return await readFile(source.file, "utf8");
  } catch (error) {
    throw configError(source.file, `cannot be read: ${toError(error).message}`, "see that it is there", error);
  }
}

/** client-go's credential plugins: an object on stdout, `{"kind":"ExecCredential","status":{"token":…,"expirationTimestamp":…}}`. */
async function runCommand({ command, args, env, apiVersion }: TokenCommand, clock: Clock): Promise<Known> {
  const info = JSON.stringify({ apiVersion, kind: "ExecCredential", spec: { interactive: false } });
  const options = { env: { ...process.env, ...env, KUBERNETES_EXEC_INFO: info }, timeout: 60_000 };
  const output = await new Promise<string>((resolve, reject) => {
    execFile(command, [...args], options, (error, stdout) => {
      // What it printed may be a secret, and is not repeated.
      if (error === null) resolve(stdout);
      else reject(configError(command, `failed: ${error.code ?? error.signal}`, "run it by hand to see why"));
    });
  });
  const refuse = () => configError(command, "printed no ExecCredential with a token", "run it by hand to see what");
  let status: unknown;
  try {
    const parsed: unknown = JSON.parse(output);
    status = isFields(parsed) ? parsed["status"] : undefined;
  } catch {
    throw refuse();
  }
  if (!isFields(status) || typeof status["token"] !== "string" || status["token"] === "") throw refuse();
  const ends =
    typeof status["expirationTimestamp"] === "string" ? Date.parse(status["expirationTimestamp"]) : Number.NaN;
  const left = Number.isNaN(ends) ? Infinity : ends - clock.now() - EARLY_MS;
  return { token: status["token"], goodUntil: clock.monotonic() + left };
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
