export { Collector, type CollectorOptions } from "./collector.ts";
export type { Compactable } from "./compaction.ts";
export { type RunningControllers, type Surroundings, startControllers } from "./controllers.ts";
export { type Election, LEADER_KEY, type Term } from "./election/index.ts";
export { runControllers } from "./main.ts";
export { Mirror } from "./mirror.ts";
export { type ControllersOptions, controllersOptionsFrom, DEFAULT_SOCKET } from "./options.ts";
export type { BacklogReport, CandidateReport } from "./report.ts";
