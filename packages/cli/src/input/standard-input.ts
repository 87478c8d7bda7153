import { readSync } from "node:fs";

const STDIN = 0;
const CHUNK = 64 * 1024;
const PAUSE_MS = 5;

/**
 * All of standard input. Node may have made the descriptor one that does not wait: then the other end of a pipe
 * (`ocicat get … | sed … | ocicat apply -f -`) is waited for here.
 */
export function readStandardInput(): Uint8Array {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const chunk = new Uint8Array(CHUNK);
    const length = readSome(chunk);
    if (length === 0) return Buffer.concat(chunks);
    if (length === undefined) pause();
    else chunks.push(chunk.subarray(0, length));
  }
}

/** Undefined if nothing is there yet. */
function readSome(chunk: Uint8Array): number | undefined {
  try {
    return readSync(STDIN, chunk);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EAGAIN") return undefined;
    throw error;
  }
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
}
