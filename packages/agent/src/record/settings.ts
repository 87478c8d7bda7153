/** A file, or one after the other. */
export interface FileSetting {
  readonly file: string;
  readonly everyS: number | undefined;
}

/** What of a speaker's work is written down. */
export interface RecordSettings {
  /** MRT: each message, and each change of a session's state. */
  readonly messages: FileSetting | undefined;
  /** MRT: the table, again and again. */
  readonly table: { readonly file: string; readonly everyS: number } | undefined;
  /** What was said and heard, as packets. */
  readonly pcap: FileSetting | undefined;
}
