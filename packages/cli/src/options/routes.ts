export interface WhyOptions {
  readonly node?: string;
  readonly output: string;
}
