const NANOSECONDS = 1_000_000_000n;

/** `01:19:42.123456`, to the microsecond as tcpdump shows it. `time`: nanoseconds since 1970; `timeZone`: an IANA name. */
export function timeOfDay(time: bigint, timeZone: string | undefined): string {
  const seconds = formatterFor(timeZone).format(Number(time / NANOSECONDS) * 1000);
  const micros = (time % NANOSECONDS) / 1000n;
  return `${seconds}.${String(micros).padStart(6, "0")}`;
}

/** Making one takes longer than a thousand uses of it. */
const formatters = new Map<string | undefined, Intl.DateTimeFormat>();

function formatterFor(timeZone: string | undefined): Intl.DateTimeFormat {
  const known = formatters.get(timeZone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", hourCycle: "h23", timeZone });
  formatters.set(timeZone, made);
  return made;
}
