/** Younger than this, BIRD tells the time of day. */
const RECENT_MS = 20 * 3600 * 1000;

/** BIRD's "iso short", in local time: `01:19:42`, or the date of what is older. */
export function shortTime(at: number, now: number): string {
  const [date = "", time = ""] = longTime(at).split(" ");
  return now - at < RECENT_MS ? time : date;
}

/** BIRD's "iso long", in local time: `2026-11-21 01:19:42`. */
export function longTime(at: number): string {
  const local = new Date(at - new Date(at).getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19).replace("T", " ");
}
