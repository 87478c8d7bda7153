export { type Conditions, healthRoutes, processMetrics, unmet } from "./health.ts";
export {
  type Answer,
  type Download,
  json,
  type ListenAt,
  type Routes,
  type Stream,
  serveLocally,
  text,
} from "./local-http.ts";
export { logToStdout } from "./log.ts";
export { untilSignalled } from "./signals.ts";
export { type Environment, numberVariable, refusedVariable } from "./variables.ts";
