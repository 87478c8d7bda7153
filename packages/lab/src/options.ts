import type { LabPlaces } from "./world/places.ts";

/** What a lab is made with. */
export interface LabOptions {
  readonly places: LabPlaces;
  /** How this project's command is started: ["/path/to/node", "/path/to/ocicat.js"]. */
  readonly command: readonly [string, ...string[]];
  /** Called as each step begins, with words for people. */
  readonly progress: (step: string) => void;
}
