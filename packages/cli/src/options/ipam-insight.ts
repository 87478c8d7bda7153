import type { DatastoreOptions } from "./shared.ts";

export interface IpamWhyOptions extends DatastoreOptions {
  readonly output: string;
}

export interface IpamDoctorOptions extends DatastoreOptions {
  readonly fix?: boolean;
  readonly grace: string;
  readonly wait: string;
  readonly list?: boolean;
  readonly output: string;
}

export interface IpamForecastOptions extends DatastoreOptions {
  readonly window: string;
  readonly output: string;
}
