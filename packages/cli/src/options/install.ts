/** What was typed after `install`. */
export interface InstallCommandOptions {
  readonly root: string;
  readonly binDir: string;
  readonly netDir: string;
  readonly prebuilt?: string;
  readonly companions?: string;
}
