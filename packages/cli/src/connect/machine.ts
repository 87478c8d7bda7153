import { Readable } from "node:stream";
import { runInMachine, type TerminalSize } from "@ocicat/lab";

const HANDED_ON: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"];

/** See Surroundings.handOver. `input`: what was read of standard input here already. */
export async function handOver(
  socket: string,
  args: readonly string[],
  input: Uint8Array | undefined,
): Promise<number> {
  const { stdin, stdout, stderr } = process;
  // All others read their input here, or none: what stands in a script's own input is not theirs to take.
  const isExec = args[0] === "lab" && args[1] === "exec";
  const terminal = isExec && stdin.isTTY && stdout.isTTY ? sizeOf(stdout) : undefined;
  const env = Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
  const line = {
    argv: [process.execPath, ...process.argv.slice(1, 2), ...args] as const,
    cwd: process.cwd(),
    env: Object.fromEntries(env) as Record<string, string>,
    terminal,
  };
  if (terminal !== undefined) stdin.setRawMode(true);
  try {
    return await runInMachine(socket, line, {
      input: input === undefined ? (isExec ? stdin : undefined) : Readable.from([input], { objectMode: false }),
      output: stdout,
      errors: stderr,
      onSignal(handOn) {
        for (const signal of HANDED_ON) process.on(signal, handOn);
        return () => {
          for (const signal of HANDED_ON) process.off(signal, handOn);
        };
      },
      onResize(handOn) {
        const tell = () => handOn(sizeOf(stdout));
        if (terminal !== undefined) stdout.on("resize", tell);
        return () => stdout.off("resize", tell);
      },
    });
  } finally {
    if (terminal !== undefined) stdin.setRawMode(false);
  }
}

function sizeOf({ columns, rows }: NodeJS.WriteStream): TerminalSize {
  return { columns, rows };
}
