const PARTS: Readonly<Record<string, (date: Date) => string>> = {
  Y: (date) => String(date.getUTCFullYear()),
  m: (date) => two(date.getUTCMonth() + 1),
  d: (date) => two(date.getUTCDate()),
  H: (date) => two(date.getUTCHours()),
  M: (date) => two(date.getUTCMinutes()),
  S: (date) => two(date.getUTCSeconds()),
  s: (date) => String(Math.floor(date.getTime() / 1000)),
  "%": () => "%",
};

/** A file's name for a moment, in UTC: %Y %m %d %H %M %S as strftime has them, %s seconds since 1970, %% a percent sign. */
export function fileNameAt(pattern: string, ms: number): string {
  const date = new Date(ms);
  return pattern.replaceAll(/%(.)/g, (whole, part: string) => PARTS[part]?.(date) ?? whole);
}

/** What stands behind a % and means nothing; undefined: nothing does. */
export function badPart(pattern: string): string | undefined {
  return [...pattern.matchAll(/%(.?)/g)].map(([whole]) => whole).find((whole) => !((whole[1] ?? "") in PARTS));
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}
