import { type ForecastOptions, forecastPools, type PoolForecast, readCensus, readPast, type Trend } from "@ocicat/ipam";
import { OcicatError, stringifyJson } from "@ocicat/kit";
import { withDatastore } from "../connect/datastore.ts";
import type { IpamForecastOptions } from "../options/ipam-insight.ts";
import { oneLine } from "../output/line.ts";
import { fiveDigits } from "../output/quantity.ts";
import { plainTable } from "../output/table.ts";
import type { Surroundings } from "../surroundings.ts";
import { milliseconds } from "./duration.ts";
import { tellUnreadable } from "./ipam-unreadable.ts";

export async function forecastIpam(surroundings: Surroundings, options: IpamForecastOptions): Promise<void> {
  const format = FORMATS[options.output];
  if (format === undefined) {
    const fix = `use one of ${Object.keys(FORMATS).join(", ")}`;
    throw new OcicatError({ code: "CLI_OUTPUT", what: `"${options.output}" is not an output format`, fix });
  }
  const windowMs = milliseconds("--window", options.window);
  await withDatastore(surroundings, options.config, async ({ store }) => {
    const census = await readCensus(store);
    const blocks = census.blocks.map(({ value }) => value);
    const past = await readPast(store, census.revision, blocks);
    const known: ForecastOptions = { now: surroundings.now().getTime(), windowMs, past };
    surroundings.print(format(forecastPools(census, known)));
    tellUnreadable(surroundings, census.unreadable);
  });
}

const FORMATS: Readonly<Record<string, (forecasts: readonly PoolForecast[]) => string>> = {
  ps: text,
  json: (forecasts) => `${stringifyJson(forecasts, 2)}\n`,
};

const HEADINGS = ["POOL", "CIDR", "FREE", "A DAY", "FULL IN", "BLOCKS FREE", "A DAY", "NONE LEFT IN", "KNOWN FROM"];

function text(forecasts: readonly PoolForecast[]): string {
  const rows = forecasts.map(({ pool, cidr, free, addresses, blocksFree, blocks }) => {
    const left = (count: bigint, trend: Trend) => [fiveDigits(Number(count)), rate(trend), days(trend)];
    return [pool, cidr, ...left(free, addresses), ...left(blocksFree, blocks), basis(addresses)];
  });
  const notes = forecasts.flatMap(({ pool, notes }) => notes.map((note) => `${pool}: ${oneLine(note)}.\n`));
  return `${plainTable({ headings: HEADINGS, rows })}${notes.length === 0 ? "" : `\n${notes.join("")}`}`;
}

function rate({ perDay, basis }: Trend): string {
  if (perDay === undefined) return "?";
  const sign = perDay > 0 ? "+" : "";
  return `${basis === "at-most" && perDay > 0 ? "≤ " : ""}${sign}${rounded(perDay)}`;
}

function days({ perDay, daysLeft, basis }: Trend): string {
  if (daysLeft === 0) return "now";
  if (perDay === undefined) return "?";
  if (daysLeft === undefined) return "never at this rate";
  return `${basis === "at-most" ? "≥ " : ""}${fiveDigits(Number(rounded(daysLeft)))} days`;
}

function basis({ basis, overMs }: Trend): string {
  if (basis === "none") return "nothing";
  return `${basis === "measured" ? "counts" : "ages"} of ${span(overMs)}`;
}

const SPANS = [
  ["days", 86_400_000],
  ["hours", 3_600_000],
  ["minutes", 60_000],
] as const;

/** In the largest unit of which there are two or more. */
function span(ms: number): string {
  const [unit, size] = SPANS.find(([, length]) => ms >= 2 * length) ?? SPANS[2];
  return `${Math.floor(ms / size)} ${unit}`;
}

function rounded(value: number): string {
  return value.toFixed(Math.abs(value) < 10 ? 1 : 0);
}
