import { badPart } from "../record/file-name.ts";
import type { FileSetting, RecordSettings } from "../record/settings.ts";
import { bad, type Fields, fieldsIn } from "./fields.ts";

/** The longest pause between two files: a year. */
const MOST_S = 365 * 86_400;

/**
 *     mrt:
 *       messages: { file: /var/log/bgp/messages.%Y%m%d-%H%M.mrt, everyS: 900 }    # or a name alone
 *       table: { file: /var/log/bgp/table.%Y%m%d-%H%M.mrt, everyS: 7200 }
 *     pcap: /var/log/bgp/speaker.pcap
 *
 * Throws OcicatError BGP_SPEAK_CONFIG.
 */
export function readRecordSettings(at: Fields, where: string): RecordSettings {
  const mrt =
    at.value("mrt") === undefined ? undefined : fieldsIn(at.value("mrt"), `${where}: mrt`, ["messages", "table"]);
  return {
    messages: mrt && readFile(mrt.value("messages"), `${where}: mrt.messages`),
    table: mrt && readTable(mrt.value("table"), `${where}: mrt.table`),
    pcap: readFile(at.value("pcap"), `${where}: pcap`),
  };
}

function readTable(value: unknown, where: string): RecordSettings["table"] {
  const setting = readFile(value, where);
  if (setting === undefined) return undefined;
  const { file, everyS } = setting;
  if (everyS !== undefined) return { file, everyS };
  throw bad(where, "everyS is missing", "say after how many seconds the table is written again");
}

function readFile(value: unknown, where: string): FileSetting | undefined {
  if (value === undefined) return undefined;
  const at = fieldsIn(typeof value === "string" ? { file: value } : value, where, ["file", "everyS"]);
  const file = at.text("file");
  if (file === undefined) throw bad(where, "file is missing", "name the file");
  const wrong = badPart(file);
  if (wrong !== undefined) throw bad(where, `${wrong} in a file's name`, "use %Y %m %d %H %M %S, %s or %%");
  return { file, everyS: at.number("everyS", 1, MOST_S) };
}
