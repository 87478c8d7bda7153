/** One line of /proc/PID/mountinfo, see proc(5). */
export interface MountEntry {
  readonly id: number;
  readonly parent: number;
  readonly target: string;
  /** "ext4", "tmpfs", "nsfs", … */
  readonly type: string;
  readonly source: string;
  /** In a peer group: mounts and unmounts below propagate to other mounts. */
  readonly shared: boolean;
}

/*
 *   36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
 *   id parent dev root target options optional… - type source super-options
 */
export function parseMountInfo(text: string): MountEntry[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map(parseLine);
}

function parseLine(line: string): MountEntry {
  const fields = line.split(" ");
  const dash = fields.indexOf("-", 6);
  const [id, parent, , , target] = fields;
  const [type, source] = fields.slice(dash + 1);
  if (dash < 0 || target === undefined || type === undefined || source === undefined) {
    throw new TypeError(`"${line}" is not a line of mountinfo`);
  }
  return {
    id: Number(id),
    parent: Number(parent),
    target: unescapeOctal(target),
    type,
    source: unescapeOctal(source),
    shared: fields.slice(6, dash).some((field) => field.startsWith("shared:")),
  };
}

/** Space, tab, newline and backslash are written as three octal digits. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
