/** As Go prints a UTC time, which is how Calico stores `timestamp`: `2026-11-21 02:19:57.063 +0000 UTC`. `ms` since 1970. */
export function goTimestamp(ms: number): string {
  const [date = "", time = ""] = new Date(ms).toISOString().slice(0, -1).split("T");
  return `${date} ${time.replace(/\.?0*$/, "")} +0000 UTC`;
}

/** Milliseconds since 1970; undefined for a text that is no such time. */
export function parseGoTimestamp(text: string): number | undefined {
  const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d+)? \+0000 UTC/.exec(text);
  if (match === null) return undefined;
  const whole = Date.parse(`${match[1]}T${match[2]}Z`);
  return Number.isNaN(whole) ? undefined : whole + Math.trunc(Number(`0${match[3] ?? ".0"}`) * 1000);
}
