export { MemoryDatastore, type MemoryOptions } from "./memory.ts";
