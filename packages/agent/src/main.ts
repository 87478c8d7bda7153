import { hostname } from "node:os";
import { createLogger, isOcicatError, toError } from "@ocicat/kit";
import { type RunningAgent, startAgent } from "./agent.ts";
import { agentOptionsFrom } from "./options.ts";
import { logToStdout, systemClock, systemRandom } from "./system.ts";

/**
 * Runs an agent until SIGTERM or SIGINT. Throws OcicatError if it cannot start. The kernel keeps all that was programmed:
 * an agent that is away changes nothing.
 */
export async function runAgent(env: Readonly<Record<string, string | undefined>>): Promise<void> {
  const options = agentOptionsFrom(env, hostname());
  const logger = createLogger("agent", env.OCICAT_LOG_LEVEL === "debug" ? "debug" : "info", logToStdout);
  let end: (error: Error | undefined) => void = () => {};
  const ended = new Promise<Error | undefined>((resolve) => {
    end = resolve;
  });
  process.once("SIGTERM", () => end(undefined));
  process.once("SIGINT", () => end(undefined));
  const starting = startAgent(options, { clock: systemClock, random: systemRandom, logger, onFatal: end });
  const first = await Promise.race([starting.then((agent) => ({ agent })), ended.then((failure) => ({ failure }))]);
  if ("failure" in first && first.failure !== undefined) throw first.failure;
  const failure = "failure" in first ? first.failure : await ended;
  await stop("agent" in first ? first.agent : undefined);
  if (failure !== undefined) {
    logger.error("the agent cannot go on", {
      code: isOcicatError(failure) ? failure.code : "INTERNAL",
      error: toError(failure).message,
    });
    throw failure;
  }
}

async function stop(agent: RunningAgent | undefined): Promise<void> {
  await agent?.stop();
}
