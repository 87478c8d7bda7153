/** One or more lines of an answer under one code (BIRD's doc/reply_codes). */
export interface Reply {
  /** Four digits: 1007 a route, 2002 a heading, 9001 a syntax error. */
  readonly code: number;
  readonly lines: readonly string[];
}

/**
 * An answer as BIRD's control protocol has it:
 *
 *     2002-name     proto    table         a code and a dash: more follows
 *     1002-kernel1  Kernel   master
 *      direct1  Direct   master            a blank: more under the same code
 *     0000                                 a code and a blank: the end
 */
export function encodeReplies(replies: readonly Reply[], end: Reply): string {
  const lines: string[] = [];
  let last: number | undefined;
  for (const { code, lines: texts } of replies) {
    for (const text of texts) {
      lines.push(code === last ? ` ${text}` : `${digits(code)}-${text}`);
      last = code;
    }
  }
  return `${[...lines, `${digits(end.code)} ${end.lines.join(" ")}`].join("\n")}\n`;
}

function digits(code: number): string {
  return String(code).padStart(4, "0");
}

/** The end of an answer that says no more. */
export const DONE: Reply = { code: 0, lines: [] };
