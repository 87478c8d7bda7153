/** Durations as Go writes them: decimal numbers with units, `1h30m`, `90s`, `1.5s`, `250ms`. Exact, in nanoseconds. */
const NANOSECONDS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

const PART = /(\d+)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)|\.(\d+)(ns|us|µs|μs|ms|s|m|h)/uy;

// Go's time.Duration is a signed 64-bit count of nanoseconds: about 292 years.
const MAX = 2n ** 63n - 1n;

/** Nanoseconds, or undefined if `text` is not a duration, or is one that 64 bits do not hold. */
export function parseDuration(text: string): bigint | undefined {
  const negative = text.startsWith("-");
  const digits = negative || text.startsWith("+") ? text.slice(1) : text;
  if (digits === "0") return 0n;
  const total = sumParts(digits);
  if (total === undefined || total > MAX) return undefined;
  return negative ? -total : total;
}

function sumParts(text: string): bigint | undefined {
  if (text === "") return undefined;
  let total = 0n;
  PART.lastIndex = 0;
  while (PART.lastIndex < text.length) {
    const match = PART.exec(text);
    if (match === null) return undefined;
    const unit = NANOSECONDS[match[3] ?? match[5] ?? ""] ?? 0n;
    total += BigInt(match[1] ?? "0") * unit + fraction(match[2] ?? match[4] ?? "", unit);
  }
  return total;
}

function fraction(digits: string, unit: bigint): bigint {
  return digits === "" ? 0n : (BigInt(digits) * unit) / 10n ** BigInt(digits.length);
}

/** As Go prints it, which is how Calico stores it: `1m30s`, `1.5s`, `250ms`, `0s`. */
export function formatDuration(nanoseconds: bigint): string {
  if (nanoseconds === 0n) return "0s";
  if (nanoseconds < 0n) return `-${formatDuration(-nanoseconds)}`;
  for (const [unit, size] of [
    ["ns", 1n],
    ["µs", 1_000n],
    ["ms", 1_000_000n],
  ] as const) {
    if (nanoseconds < size * 1000n) return `${decimal(nanoseconds, size)}${unit}`;
  }
  const hours = nanoseconds / 3_600_000_000_000n;
  const minutes = (nanoseconds / 60_000_000_000n) % 60n;
  const seconds = `${decimal(nanoseconds % 60_000_000_000n, 1_000_000_000n)}s`;
  if (hours > 0n) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0n ? `${minutes}m${seconds}` : seconds;
}

function decimal(value: bigint, unit: bigint): string {
  const rest = (value % unit).toString().padStart(unit.toString().length - 1, "0");
  const trimmed = rest.replace(/0+$/, "");
  return trimmed === "" || unit === 1n ? `${value / unit}` : `${value / unit}.${trimmed}`;
}

/** Milliseconds, for a Clock. Throws RangeError on text that is not a duration: call it on checked values. */
export function durationMs(text: string): number {
  const nanoseconds = parseDuration(text);
  if (nanoseconds === undefined) throw new RangeError(`"${text}" is not a duration such as 90s or 1m30s`);
  return Number(nanoseconds) / 1e6;
}
