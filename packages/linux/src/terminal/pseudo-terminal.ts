import { closeSync, constants, openSync } from "node:fs";
import { check } from "../libc/library.ts";
import { ioctlWords, TIOCGPTN, TIOCSPTLCK, TIOCSWINSZ } from "../libc/terminal-calls.ts";

/** A terminal of a program's own, see pty(7): what is written to one side is read from the other, by the line's rules. */
export interface PseudoTerminal {
  /** The side of whoever stands for the person: the caller's to close. */
  readonly master: number;
  /** The side that a program has for its terminal: the caller's to close, once the program has it. */
  readonly slave: number;
}

/** Throws KernelError, or the file system's error where there is no /dev/pts. */
export function openPseudoTerminal(): PseudoTerminal {
  const master = openSync("/dev/ptmx", constants.O_RDWR | constants.O_NOCTTY);
  try {
    check("ioctl TIOCSPTLCK", ioctlWords(master, TIOCSPTLCK, new Uint32Array([0])));
    const number = new Uint32Array(1);
    check("ioctl TIOCGPTN", ioctlWords(master, TIOCGPTN, number));
    return { master, slave: openSync(`/dev/pts/${number[0]}`, constants.O_RDWR | constants.O_NOCTTY) };
  } catch (error) {
    closeSync(master);
    throw error;
  }
}

/** Columns and rows, 1..65535; who has it for a terminal is told by SIGWINCH. Throws KernelError. */
export function resizeTerminal(
  fd: number,
  { columns, rows }: { readonly columns: number; readonly rows: number },
): void {
  check("ioctl TIOCSWINSZ", ioctlWords(fd, TIOCSWINSZ, new Uint16Array([rows, columns, 0, 0])));
}
