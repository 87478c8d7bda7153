export type * from "./kernel.ts";
