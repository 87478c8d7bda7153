/** What the command line says of a soak; each takes what concerns it. */
export interface SoakOptions {
  readonly seconds: number | undefined;
  readonly operations: number | undefined;
  /** Begin after so many. */
  readonly skip: number | undefined;
  readonly seed: number;
  readonly share: string;
  readonly store: string;
  readonly nodes: number | undefined;
  readonly pods: number | undefined;
  /** Seconds. */
  readonly grace: number | undefined;
}
