import { randomBytes } from "node:crypto";
import type { Clock, LogRecord, Random } from "@ocicat/kit";

/** The machine's clock. Timers keep the process alive, as an agent's should. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, _name, callback) {
    const timer = setTimeout(callback, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};

export const systemRandom: Random = { uint32: () => randomBytes(4).readUInt32LE() };

/** One JSON object a line on standard output, time first: what log collectors read. */
export function logToStdout(record: LogRecord): void {
  const { level, component, message, fields } = record;
  const line = { time: new Date().toISOString(), level, component, message, ...fields };
  process.stdout.write(
    `${JSON.stringify(line, (_key, value: unknown) => (typeof value === "bigint" ? value.toString() : value))}\n`,
  );
}
