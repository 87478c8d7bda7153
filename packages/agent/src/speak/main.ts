import { systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { createLogger, Scope } from "@ocicat/kit";
import { logToStdout } from "@ocicat/service";
import { readSpeakConfiguration } from "./configuration.ts";
import type { ReplaySettings } from "./replay.ts";
import { startSpeaking } from "./speak.ts";

export interface SpeakOptions {
  /** What the configuration's file holds, parsed. */
  readonly configuration: unknown;
  /** Its name, for messages. */
  readonly file: string;
  readonly debug: boolean;
  /** A file to be played, once it speaks. */
  readonly replay?: ReplaySettings | undefined;
}

/** Speaks BGP by a configuration until SIGTERM or SIGINT. Throws OcicatError if it cannot begin. */
export async function runSpeaker({ configuration, file, debug, replay }: SpeakOptions): Promise<void> {
  const wanted = readSpeakConfiguration(configuration, file);
  const logger = createLogger("speaker", debug ? "debug" : "info", logToStdout);
  const ended = new Promise<void>((resolve) => {
    process.once("SIGTERM", () => resolve());
    process.once("SIGINT", () => resolve());
  });
  const scope = new Scope("speaker");
  try {
    const running = await startSpeaking(wanted, { clock: systemClock, random: systemRandom, logger, scope });
    if (replay !== undefined) await Promise.race([ended, running.replay(replay)]);
    await ended;
  } finally {
    await scope.close();
  }
}
