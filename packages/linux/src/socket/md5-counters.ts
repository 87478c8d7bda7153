import { readFileSync } from "node:fs";

/** Segments that the kernel of this namespace has dropped because of RFC 2385; each only grows. */
export interface Md5Counters {
  /** Not signed, where a signature was due. */
  readonly missing: number;
  /** Signed, where none was due. */
  readonly unexpected: number;
  /** Signed with another key. */
  readonly mismatched: number;
}

const COUNTERS = "/proc/net/netstat";

/** Undefined: this kernel does not count them. */
export function readMd5Counters(): Md5Counters | undefined {
  try {
    return md5Counters(readFileSync(COUNTERS, "latin1"));
  } catch {
    return undefined;
  }
}

/** Two lines a group, names and numbers: `TcpExt: SyncookiesSent … TCPMD5NotFound …` and `TcpExt: 0 … 3 …`. */
export function md5Counters(text: string): Md5Counters | undefined {
  const [names = [], values = []] = text
    .split("\n")
    .filter((line) => line.startsWith("TcpExt:"))
    .map((line) => line.split(" "));
  const numbers = new Map(names.map((name, index) => [name, Number(values[index])]));
  const missing = numbers.get("TCPMD5NotFound");
  const unexpected = numbers.get("TCPMD5Unexpected");
  const mismatched = numbers.get("TCPMD5Failure");
  if (missing === undefined || unexpected === undefined || mismatched === undefined) return undefined;
  return { missing, unexpected, mismatched };
}
