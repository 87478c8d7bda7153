import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { OcicatError, toError } from "@ocicat/kit";
import { type CapturedFrame, linkTypeOf, pcapHeader, pcapRecord } from "@ocicat/linux";
import type { Post } from "./post.ts";

/** A file for each interface that saw something: `node1-ens33.pcap`. Returns their paths. Throws OcicatError CLI_FILE. */
export function writePcaps(directory: string, posts: readonly Post[]): readonly string[] {
  try {
    mkdirSync(directory, { recursive: true });
    return posts.flatMap((post) => writePlace(directory, post));
  } catch (cause) {
    const why = toError(cause).message;
    throw new OcicatError({ code: "CLI_FILE", where: directory, what: "captures cannot be written", why, cause });
  }
}

function writePlace(directory: string, { place, state, captured }: Post): readonly string[] {
  const byLink = Map.groupBy(captured, ({ linkIndex }) => linkIndex);
  return [...byLink].map(([index, frames]) => {
    const name = state.links.find((link) => link.index === index)?.name ?? `if${index}`;
    const path = join(directory, `${place.name}-${name.replaceAll("/", "_")}.pcap`);
    writeFileSync(path, fileOf(frames));
    return path;
  });
}

function fileOf(frames: readonly CapturedFrame[]): Uint8Array {
  const linkType = linkTypeOf(frames[0]?.hardwareType ?? 0);
  return Buffer.concat([pcapHeader(undefined, linkType), ...frames.map(pcapRecord)]);
}
