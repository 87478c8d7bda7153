export { type RunningAgent, startAgent } from "./agent.ts";
export type { FlowReport } from "./flows/index.ts";
export { runAgent } from "./main.ts";
export { type AgentOptions, type AgentPaths, agentOptionsFrom, DEFAULT_PATHS } from "./options.ts";
export { runSpeaker, type SpeakOptions } from "./speak/main.ts";
export type { Surroundings } from "./surroundings.ts";
