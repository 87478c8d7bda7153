import { createHash } from "node:crypto";
import { OcicatError } from "@ocicat/kit";

/**
 * A backup is text, a JSON object a line, each line ended by a newline:
 *
 *     {"ocicat":"datastore backup","format":1,"prefix":"","revision":"1234","taken":"2026-11-21T12:00:00.000Z"}
 *     {"key":"/calico/…","value":"{…}"}                 in the order of the keys' bytes, as they were at that revision
 *     …
 *     {"keys":2,"leased":1,"sha256":"…"}                of every byte above this line
 *
 * The last line tells a whole file from a truncated or changed one. Keys that live by a lease are counted and left out:
 * a status or a lock belongs to whoever keeps its lease alive, and a restored one would belong to nobody.
 */
export const FORMAT = 1;
const MARK = "datastore backup";

export interface BackupHeader {
  /** Of all keys; "" for everything there is. */
  readonly prefix: string;
  /** The store's, of which this is a picture. */
  readonly revision: bigint;
  readonly taken: Date;
}

export interface BackupItem {
  readonly key: string;
  readonly value: string;
}

export interface Backup extends BackupHeader {
  readonly items: readonly BackupItem[];
  readonly leased: number;
}

/** Makes the lines, in this order: header, items, end. */
export class BackupEncoder {
  readonly #hash = createHash("sha256");
  #keys = 0;

  header({ prefix, revision, taken }: BackupHeader): string {
    return this.#line({
      ocicat: MARK,
      format: FORMAT,
      prefix,
      revision: revision.toString(),
      taken: taken.toISOString(),
    });
  }

  items(items: readonly BackupItem[]): string {
    this.#keys += items.length;
    return items.map(({ key, value }) => this.#line({ key, value })).join("");
  }

  end(leased: number): string {
    return `${JSON.stringify({ keys: this.#keys, leased, sha256: this.#hash.digest("hex") })}\n`;
  }

  #line(value: unknown): string {
    const line = `${JSON.stringify(value)}\n`;
    this.#hash.update(line);
    return line;
  }
}

/**
 * Reads a whole backup; `file` is for messages. Throws OcicatError: BACKUP_FOREIGN for something else, BACKUP_TOO_NEW for a
 * later format, BACKUP_DAMAGED if a byte is missing or other than it was.
 */
export function parseBackup(bytes: Buffer, file: string): Backup {
  const header = headerIn(bytes, file);
  const lastLine = bytes.lastIndexOf("\n", bytes.length - 2) + 1;
  const end = objectIn(bytes.subarray(lastLine));
  if (bytes.at(-1) !== NEWLINE || typeof end?.["sha256"] !== "string") {
    throw damaged(file, "it does not end as a backup does: its end is missing");
  }
  const found = createHash("sha256").update(bytes.subarray(0, lastLine)).digest("hex");
  if (found !== end["sha256"]) throw damaged(file, `its SHA-256 is ${found}, and it was ${end["sha256"]}`);
  const items = [...linesOf(bytes.subarray(0, lastLine))].slice(1).map((line) => itemIn(line, file));
  if (items.length !== end["keys"] || typeof end["leased"] !== "number") throw damaged(file, "its end miscounts");
  return { ...header, items, leased: end["leased"] };
}

const NEWLINE = 0x0a;

function headerIn(bytes: Buffer, file: string): BackupHeader {
  const [first] = linesOf(bytes);
  const fields = first === undefined ? undefined : objectIn(first);
  if (fields?.["ocicat"] !== MARK) {
    throw new OcicatError({
      code: "BACKUP_FOREIGN",
      where: file,
      what: "is not a backup of a datastore",
      fix: "name a file that `ocicat datastore backup` wrote",
    });
  }
  const { format, prefix, revision, taken } = fields;
  if (typeof format === "number" && format > FORMAT) {
    throw new OcicatError({
      code: "BACKUP_TOO_NEW",
      where: file,
      what: `has format ${format}; this version knows up to ${FORMAT}`,
      fix: "run the version that wrote it, or a later one",
    });
  }
  const time = typeof taken === "string" ? new Date(taken) : new Date(Number.NaN);
  const digits = typeof revision === "string" && /^\d+$/.test(revision) ? revision : undefined;
  if (typeof prefix !== "string" || digits === undefined || Number.isNaN(time.getTime())) {
    throw damaged(file, "its first line is not as it was");
  }
  return { prefix, revision: BigInt(digits), taken: time };
}

function itemIn(line: Buffer, file: string): BackupItem {
  const fields = objectIn(line);
  const { key, value } = fields ?? {};
  if (typeof key !== "string" || typeof value !== "string") throw damaged(file, "a line is not a key and its value");
  return { key, value };
}

function* linesOf(bytes: Buffer): Generator<Buffer, void, undefined> {
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(NEWLINE, at);
    if (end < 0) return;
    yield bytes.subarray(at, end);
    at = end + 1;
  }
}

/** Undefined if it is not a JSON object. */
function objectIn(text: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text.toString("utf8"));
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function damaged(file: string, why: string): OcicatError {
  return new OcicatError({
    code: "BACKUP_DAMAGED",
    where: file,
    what: "the backup is damaged; nothing of it is used",
    why,
    fix: "take another one",
  });
}
