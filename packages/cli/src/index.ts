export { main, run } from "./main.ts";
export type { Places, Surroundings } from "./surroundings.ts";
