import { systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { createLogger, Scope } from "@ocicat/kit";
import { logToStdout } from "@ocicat/service";
import { readSpeakConfiguration } from "./configuration.ts";
import { startSpeaking } from "./speak.ts";

export interface SpeakOptions {
  /** What the configuration's file holds, parsed. */
  readonly configuration: unknown;
  /** Its name, for messages. */
  readonly file: string;
  readonly debug: boolean;
}

/** Speaks BGP by a configuration until SIGTERM or SIGINT. Throws OcicatError if it cannot begin. */
export async function runSpeaker({ configuration, file, debug }: SpeakOptions): Promise<void> {
  const wanted = readSpeakConfiguration(configuration, file);
  const logger = createLogger("speaker", debug ? "debug" : "info", logToStdout);
  const ended = new Promise<void>((resolve) => {
    process.once("SIGTERM", () => resolve());
    process.once("SIGINT", () => resolve());
  });
  const scope = new Scope("speaker");
  try {
    await startSpeaking(wanted, { clock: systemClock, random: systemRandom, logger, scope });
    await ended;
  } finally {
    await scope.close();
  }
}
