export interface BacklogOptions {
  readonly output: string;
}
