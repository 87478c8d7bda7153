export { type Backup, type BackupHeader, type BackupItem, parseBackup } from "./format.ts";
export { type RestoreOptions, type RestoreReport, restoreBackup } from "./restore.ts";
export { type BackupOptions, type BackupReport, readBackup, saveBackup } from "./take.ts";
