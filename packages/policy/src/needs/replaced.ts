/** A value as it was told last, and as it is now; undefined where it was not, or is not any more. */
export interface Replaced<T> {
  readonly before: T | undefined;
  readonly after: T | undefined;
}
