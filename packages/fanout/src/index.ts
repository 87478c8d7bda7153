export { type FanoutClient, openFanout } from "./client.ts";
export { type FanoutSurroundings, type RunningFanout, startFanout } from "./fanout.ts";
export { runFanout } from "./main.ts";
export { DEFAULT_PORT, type FanoutOptions, fanoutOptionsFrom } from "./options.ts";
