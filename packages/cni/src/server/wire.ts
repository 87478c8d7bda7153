import type { Environment } from "../environment.ts";
import { CniCode, CniError } from "../errors.ts";

/**
 * What the thin client and the agent say to each other, once per connection. `native/ocicat-cni.c` and `thin/client.ts` are
 * the other ends.
 *
 *     client → agent                          agent → client
 *     +-------------------------------+       +----------------------------+
 *     | O C I C A T - C N I / 1 \n    |       | exit code, decimal         |
 *     +-------------------------------+       | one space                  |
 *     | K E Y = V A L U E \0          |  ×n   | length, decimal, then \n   |
 *     +-------------------------------+       +----------------------------+
 *     | \0                            |       | `length` bytes for stdout  |
 *     +-------------------------------+       +----------------------------+
 *     | standard input, to the end    |         end of stream
 *     +-------------------------------+
 *       half-close
 *
 * The keys are OCICAT_PLUGIN (the name the plugin was called by) and those of CNI_COMMAND, CNI_CONTAINERID, CNI_NETNS,
 * CNI_IFNAME, CNI_ARGS and CNI_PATH that are set. The length lets the client tell a whole answer from one that was cut.
 */
export const MAGIC = "OCICAT-CNI/1\n";

/** A request larger than this is refused: a network configuration with its prevResult is a few KiB. */
export const MAX_REQUEST_BYTES = 16 * 1024 * 1024;

export interface WireRequest {
  readonly environment: Environment;
  readonly stdin: string;
}

export interface WireAnswer {
  readonly exitCode: number;
  readonly stdout: string;
}

/** Throws CniError: code 6 on what is not this protocol, 4 or 6 on text that is not UTF-8. */
export function parseRequest(bytes: Buffer): WireRequest {
  const magic = bytes.subarray(0, MAGIC.length).toString("latin1");
  if (magic !== MAGIC) {
    throw malformed(
      `it begins with ${JSON.stringify(magic)}, not with ${JSON.stringify(MAGIC)}`,
      "install the plugin of the agent's version",
    );
  }
  const environment = new Map<string, string>();
  for (let from = MAGIC.length; ; ) {
    const end = bytes.indexOf(0, from);
    if (end < 0) throw malformed("it ends within the environment");
    if (end === from) return { environment, stdin: utf8(bytes.subarray(end + 1), "standard input") };
    const entry = utf8(bytes.subarray(from, end), "the environment");
    const equals = entry.indexOf("=");
    if (equals <= 0) throw malformed(`${JSON.stringify(entry)} is not KEY=VALUE`);
    environment.set(entry.slice(0, equals), entry.slice(equals + 1));
    from = end + 1;
  }
}

export function formatAnswer(answer: WireAnswer): Buffer {
  const body = Buffer.from(answer.stdout);
  return Buffer.concat([Buffer.from(`${answer.exitCode} ${body.length}\n`), body]);
}

function utf8(bytes: Buffer, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new CniError(CniCode.decodeFailure, {
      code: "CNI_DECODE_FAILURE",
      what: `${what} is not UTF-8`,
      cause: error,
    });
  }
}

function malformed(why: string, fix?: string): CniError {
  return new CniError(CniCode.decodeFailure, {
    code: "CNI_DECODE_FAILURE",
    what: "the request is not the thin client's",
    why,
    fix,
  });
}
