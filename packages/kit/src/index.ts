export { type Backoff, type BackoffOptions, createBackoff } from "./backoff.ts";
export { type Clock, TestClock, type Timer } from "./clock.ts";
export { DeltaTracker } from "./delta-tracker.ts";
export { type ErrorDetails, isOcicatError, OcicatError, toError } from "./errors.ts";
export { type JsonValue, parseJson, stringifyJson } from "./json.ts";
export { createLogger, type Logger, type LogLevel, type LogRecord, silentLogger } from "./logger.ts";
export { Counter, Gauge, Histogram, MetricsRegistry, type Reading } from "./metrics.ts";
export {
  describeOrigin,
  describeResource,
  mergeOrigins,
  type Origin,
  origin,
  type ResourceRef,
  UNKNOWN_ORIGIN,
} from "./origin.ts";
export { type Random, seededRandom } from "./random.ts";
export { Scope } from "./scope.ts";
