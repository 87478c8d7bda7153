import { readFileSync } from "node:fs";
import { runSpeaker } from "@ocicat/agent";
import { OcicatError, toError } from "@ocicat/kit";
import { parse } from "yaml";
import type { Surroundings } from "../surroundings.ts";

export async function speak({ env }: Surroundings, file: string): Promise<void> {
  await runSpeaker({ configuration: read(file), file, debug: env["OCICAT_LOG_LEVEL"] === "debug" });
}

function read(file: string): unknown {
  try {
    return parse(readFileSync(file, "utf8")) as unknown;
  } catch (error) {
    throw new OcicatError({ code: "BGP_SPEAK_CONFIG", where: file, what: toError(error).message, cause: error });
  }
}
