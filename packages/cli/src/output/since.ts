/** Younger than this, an event is told by its time of day; BIRD's "iso short". */
const RECENT_MS = 20 * 3600 * 1000;

/** When something happened, as BIRD tells it: `01:19:42`, or the date for what is older. `timeZone`: an IANA name. */
export function formatSince(since: Date, now: Date, timeZone: string | undefined): string {
  const parts = new Intl.DateTimeFormat("en-US", {
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
    timeZone,
  }).formatToParts(since);
  const part = (name: Intl.DateTimeFormatPartTypes) => parts.find((candidate) => candidate.type === name)?.value ?? "";
  const recent = now.getTime() - since.getTime() < RECENT_MS;
  return recent
    ? `${part("hour")}:${part("minute")}:${part("second")}`
    : `${part("year")}-${part("month")}-${part("day")}`;
}
