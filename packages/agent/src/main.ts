import { hostname } from "node:os";
import { felixVariablesWithoutEffect } from "@ocicat/api";
import { systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { createLogger, isOcicatError, Scope, toError } from "@ocicat/kit";
import { logToStdout } from "@ocicat/service";
import { startAgent } from "./agent.ts";
import { variablesWithoutEffect } from "./node/variables.ts";
import { agentOptionsFrom } from "./options.ts";

/**
 * Runs an agent until SIGTERM or SIGINT. Throws OcicatError if it cannot start. The kernel keeps all that was programmed:
 * an agent that is away changes nothing.
 */
export async function runAgent(env: Readonly<Record<string, string | undefined>>): Promise<void> {
  const options = agentOptionsFrom(env, hostname());
  const logger = createLogger("agent", env.OCICAT_LOG_LEVEL === "debug" ? "debug" : "info", logToStdout);
  for (const variable of felixVariablesWithoutEffect(env)) {
    logger.warning("set in the environment and without effect yet", { variable });
  }
  for (const { variable, why } of variablesWithoutEffect(env)) {
    logger.info("set in the environment and without effect", { variable, why });
  }
  let end: (error: Error | undefined) => void = () => {};
  const ended = new Promise<Error | undefined>((resolve) => {
    end = resolve;
  });
  process.once("SIGTERM", () => end(undefined));
  process.once("SIGINT", () => end(undefined));
  const scope = new Scope(`agent ${options.nodeName}`);
  const starting = startAgent(options, { clock: systemClock, random: systemRandom, logger, onFatal: end }, scope);
  // Once it is to end, what it was waiting for fails, and that is nobody's news.
  const failure = await Promise.race([ended, starting.then(() => ended)]);
  starting.catch(() => undefined);
  await scope.close();
  if (failure === undefined) return;
  logger.error("the agent cannot go on", {
    code: isOcicatError(failure) ? failure.code : "INTERNAL",
    error: toError(failure).message,
  });
  throw failure;
}
