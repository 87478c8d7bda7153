import { OcicatError } from "@ocicat/kit";
import { type Address, type Family, familyOf, formatAddress, isAddress, parseAddress } from "@ocicat/net";
import { leastSize, storyText, tellStory } from "@ocicat/walk";
import type { WalkOptions } from "../options/walk.ts";
import type { Surroundings } from "../surroundings.ts";
import { follow, type Journey } from "../walk/follow.ts";
import { writePcaps } from "../walk/pcaps.ts";
import type { Site, SitePlace } from "../walk/site.ts";
import { siteOf } from "../walk/site-of.ts";

/** Follows one packet and tells its story. */
export async function walk(surroundings: Surroundings, from: string, to: string, options: WalkOptions): Promise<void> {
  const asked = readOptions(options);
  const site = await siteOf(surroundings, options);
  const journey = journeyOf(site, from, to, asked, options.ipv6 ? [6] : [4, 6]);
  const { story, files, dropped } = await follow(site, journey, surroundings.tell, ({ record, posts }) => ({
    story: tellStory(record),
    files: options.write === undefined ? [] : writePcaps(options.write, posts),
    dropped: posts.reduce((sum, post) => sum + post.dropped, 0),
  }));
  if (options.output === "json") surroundings.print(`${JSON.stringify(story, null, 2)}\n`);
  else surroundings.print(storyText(story, options.lang === "zh" ? "zh" : "en"));
  if (dropped > 0) surroundings.tell(`${dropped} frames were dropped unread: some of the way may be missing`);
  for (const file of files) surroundings.tell(`written: ${file}`);
  if (story.outcome === "lost") surroundings.setExitCode(1);
}

type Asked = Pick<Journey, "protocol" | "port" | "size" | "waitMs">;

function readOptions({ port, protocol, size, wait }: WalkOptions): Asked {
  if (port === undefined && protocol !== undefined) {
    throw bad("--protocol", `${protocol} needs a port`, "give --port as well");
  }
  return {
    protocol: port === undefined ? "icmp" : protocol === "udp" ? "udp" : "tcp",
    port: port === undefined ? undefined : within("--port", port, 1, 65_535),
    size: size === undefined ? undefined : within("--size", size, 1, 65_535),
    waitMs: seconds("--wait", wait) * 1000,
  };
}

function within(option: string, text: string, least: number, most: number): number {
  const number = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw bad(option, `"${text}" is not a number from ${least} to ${most}`);
}

function seconds(option: string, text: string): number {
  const number = /^\d{1,3}(?:\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  if (number > 0) return number;
  throw bad(option, `"${text}" is not a time in seconds`, "give seconds above 0, such as 1 or 0.5");
}

function bad(where: string, what: string, fix?: string): OcicatError {
  return new OcicatError({ code: "CLI_ARGUMENTS", where, what, fix });
}

/** `families`: those to choose from, the first that both have. Throws OcicatError. */
function journeyOf(site: Site, from: string, to: string, asked: Asked, families: readonly Family[]): Journey {
  const start = reachable(named(site, from));
  const end = isAddress(to) ? holderOf(site, to) : named(site, to);
  const sources = start.addresses.map(parseAddress);
  const destinations = isAddress(to) ? [parseAddress(to)] : (end?.addresses ?? []).map(parseAddress);
  for (const family of families) {
    const source = sources.find((address) => familyOf(address) === family);
    const destination = destinations.find((address) => familyOf(address) === family);
    if (source === undefined || destination === undefined) continue;
    const least = leastSize(asked.protocol, family);
    if (asked.size !== undefined && asked.size < least)
      throw bad("--size", `${asked.size} is too small`, `give at least ${least}`);
    return { ...asked, from: start, to: end, source, destination };
  }
  const listed = (addresses: readonly Address[]) => addresses.map(formatAddress).join(", ") || "none";
  throw new OcicatError({
    code: "WALK_NO_ADDRESS",
    what: `${from} and ${to} have no address of one family`,
    why: `${listed(sources)}; and ${listed(destinations)}`,
  });
}

function holderOf({ places }: Site, text: string): SitePlace | undefined {
  const address = formatAddress(parseAddress(text));
  return places.find(({ addresses }) => addresses.includes(address));
}

/** By its name, or a pod's without its namespace where that says which. Throws OcicatError WALK_NO_SUCH_PLACE. */
function named({ places }: Site, name: string): SitePlace {
  const exact = places.filter((place) => place.name === name);
  const [place, ...others] = exact.length > 0 ? exact : places.filter((one) => one.name.endsWith(`/${name}`));
  if (place !== undefined && others.length === 0) return place;
  const among = place === undefined ? places : [place, ...others];
  throw new OcicatError({
    code: "WALK_NO_SUCH_PLACE",
    what: place === undefined ? `there is no "${name}"` : `there is more than one "${name}"`,
    fix: `use one of ${among.map((candidate) => candidate.name).join(", ")}, or an address`,
  });
}

/** Where a packet can be sent from. Throws OcicatError WALK_ELSEWHERE. */
function reachable(place: SitePlace): SitePlace {
  if (place.open !== undefined) return place;
  throw new OcicatError({
    code: "WALK_ELSEWHERE",
    what: `${place.name} is on ${place.node}, and a packet is sent from its own network`,
    fix: `run this on ${place.node}`,
  });
}
