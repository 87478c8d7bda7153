import type { Clock, Logger, Random } from "@ocicat/kit";

/** The world an agent lives in. */
export interface Surroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The agent cannot go on (port 179 taken): say why and end the process. */
  readonly onFatal: (error: Error) => void;
}
