import { type FileHandle, link, open, readFile, rename, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { OcicatError, toError } from "@ocicat/kit";
import type { Datastore } from "../datastore.ts";
import { DatastoreError } from "../errors.ts";
import { type Backup, BackupEncoder, parseBackup } from "./format.ts";

/** Keys of one answer of the store. */
const PAGE = 1_000;

/** A picture whose revision is compacted while it is taken is begun again, this many times. */
const ATTEMPTS = 3;

export interface BackupOptions {
  /** Only keys that begin so; everything unless given. */
  readonly prefix?: string;
  readonly taken: Date;
  /** In place of a file that is there. */
  readonly overwrite?: boolean;
}

export interface BackupReport {
  readonly keys: number;
  /** Left out, because they live by a lease. */
  readonly leased: number;
  readonly revision: bigint;
}

/**
 * Writes all keys of one revision to a file (format.ts), for this user alone, while the store goes on. The file appears
 * under its name when it is whole and on the disk. Throws OcicatError BACKUP_EXISTS, BACKUP_UNWRITABLE, or DatastoreError.
 */
export async function saveBackup(store: Datastore, file: string, options: BackupOptions): Promise<BackupReport> {
  const draft = join(dirname(file), `.ocicat-backup-${process.pid}-${options.taken.getTime()}`);
  if (options.overwrite !== true && (await exists(file))) throw alreadyThere(file);
  try {
    const report = await write(store, draft, options);
    await publish(draft, file, options.overwrite === true);
    return report;
  } catch (error) {
    throw explain(error, file);
  } finally {
    await unlink(draft).catch(() => {});
  }
}

/** A backup file, whole and unchanged. Throws OcicatError: see parseBackup; BACKUP_UNREADABLE. */
export async function readBackup(file: string): Promise<Backup> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    const why = toError(cause).message;
    throw new OcicatError({ code: "BACKUP_UNREADABLE", where: file, what: "cannot be read", why, cause });
  }
  return parseBackup(bytes, file);
}

async function write(store: Datastore, draft: string, options: BackupOptions): Promise<BackupReport> {
  const handle = await open(draft, "wx", 0o600);
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        await handle.truncate(0);
        const report = await writePages(store, handle, options);
        await handle.sync();
        return report;
      } catch (error) {
        const compacted = error instanceof DatastoreError && error.code === "COMPACTED";
        if (!compacted || attempt === ATTEMPTS) throw error;
      }
    }
  } finally {
    await handle.close();
  }
}

async function writePages(store: Datastore, handle: FileHandle, options: BackupOptions): Promise<BackupReport> {
  const { prefix = "", taken } = options;
  const encoder = new BackupEncoder();
  let position = 0;
  const add = async (text: string) => {
    const bytes = Buffer.from(text);
    for (let from = 0; from < bytes.length; ) {
      const { bytesWritten } = await handle.write(bytes, from, bytes.length - from, position);
      from += bytesWritten;
      position += bytesWritten;
    }
  };
  const report = { keys: 0, leased: 0 };
  let page = await store.list(prefix, { limit: PAGE });
  const { revision } = page;
  await add(encoder.header({ prefix, revision, taken }));
  for (;;) {
    const kept = page.items.filter(({ lease }) => lease === 0n);
    report.keys += kept.length;
    report.leased += page.items.length - kept.length;
    await add(encoder.items(kept));
    const after = page.items.at(-1)?.key;
    if (!page.more || after === undefined) break;
    page = await store.list(prefix, { limit: PAGE, after, revision });
  }
  await add(encoder.end(report.leased));
  return { ...report, revision };
}

/** A link fails where a name is taken, whoever took it meanwhile; a rename would not. */
async function publish(draft: string, file: string, overwrite: boolean): Promise<void> {
  if (overwrite) await rename(draft, file);
  else await link(draft, file);
  const directory = await open(dirname(file), "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function exists(file: string): Promise<boolean> {
  const handle = await open(file, "r").catch((error: unknown) => errnoOf(error));
  if (typeof handle === "string") return handle !== "ENOENT";
  await handle.close();
  return true;
}

function explain(error: unknown, file: string): unknown {
  const errno = errnoOf(error);
  if (errno === "EEXIST") return alreadyThere(file, error);
  if (errno === "") return error;
  return new OcicatError({
    code: "BACKUP_UNWRITABLE",
    where: file,
    what: "cannot be written",
    why: toError(error).message,
    fix: `see that ${dirname(file)} is there, is writable and has room`,
    cause: error,
  });
}

function alreadyThere(file: string, cause?: unknown): OcicatError {
  const fix = "name another file, or say --overwrite";
  return new OcicatError({ code: "BACKUP_EXISTS", where: file, what: "is there already", fix, cause });
}

/** Of the operating system; "" for any other error. */
function errnoOf(error: unknown): string {
  return error instanceof Error && "errno" in error && "code" in error ? String(error.code) : "";
}
