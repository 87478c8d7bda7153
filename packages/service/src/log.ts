import type { LogRecord } from "@ocicat/kit";

/** One JSON object a line on standard output, time first: what log collectors read. */
export function logToStdout(record: LogRecord): void {
  const { level, component, message, fields } = record;
  const line = { time: new Date().toISOString(), level, component, message, ...fields };
  process.stdout.write(
    `${JSON.stringify(line, (_key, value: unknown) => (typeof value === "bigint" ? value.toString() : value))}\n`,
  );
}
