import { readFileSync } from "node:fs";
import { runSpeaker } from "@ocicat/agent";
import { OcicatError, toError } from "@ocicat/kit";
import { parse } from "yaml";
import type { SpeakCommandOptions } from "../options/bgp.ts";
import type { Surroundings } from "../surroundings.ts";

export async function speak({ env }: Surroundings, options: SpeakCommandOptions): Promise<void> {
  const { config: file, replay, replaySpeed } = options;
  await runSpeaker({
    configuration: read(file),
    file,
    debug: env["OCICAT_LOG_LEVEL"] === "debug",
    replay: replay === undefined ? undefined : { file: replay, speed: speedOf(replaySpeed) },
  });
}

function speedOf(text: string | undefined): number | undefined {
  const speed = text === undefined ? undefined : Number(text);
  if (speed === undefined || speed > 0) return speed;
  const fix = "give a factor above 0: 1 as it was, 10 ten times as fast";
  throw new OcicatError({ code: "BGP_REPLAY", where: "--replay-speed", what: `"${text}" is no speed`, fix });
}

function read(file: string): unknown {
  try {
    return parse(readFileSync(file, "utf8")) as unknown;
  } catch (error) {
    throw new OcicatError({ code: "BGP_SPEAK_CONFIG", where: file, what: toError(error).message, cause: error });
  }
}
