import { createConnection } from "node:net";
import type { Readable, Writable } from "node:stream";
import { OcicatError } from "@ocicat/kit";
import { type CommandLine, encodeCommandLine, encodeSize, type TerminalSize } from "./command-line.ts";
import { encodeFrame, type Frame, type FrameKind, FrameReader } from "./frame.ts";
import { decodeTaken, encodeTaken, WindowedSender } from "./window.ts";

const NOTHING = new Uint8Array();

export interface Ends {
  /** What the command reads; undefined: nothing. */
  readonly input: Readable | undefined;
  readonly output: Writable;
  readonly errors: Writable;
  /** Called with what hands a signal on, for as long as the command runs; returns what undoes that. */
  readonly onSignal: (handOn: (name: NodeJS.Signals) => void) => () => void;
  /** Called with what hands the terminal's size on; returns what undoes that. */
  readonly onResize: (handOn: (size: TerminalSize) => void) => () => void;
}

/**
 * Runs a command in a lab's machine, by the socket of its gateway, and resolves to its exit status. Throws OcicatError
 * LAB_MACHINE if nobody answers there, or the machine ends before the command.
 */
export function runInMachine(
  socketPath: string,
  line: Omit<CommandLine, "input">,
  { input, output, errors, onSignal, onResize }: Ends,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(socketPath);
    const send = (kind: FrameKind, payload: Uint8Array) =>
      void socket.write(encodeFrame({ kind, session: 0, payload }));
    const sender = new WindowedSender();
    const reader = new FrameReader();
    const undo: (() => void)[] = [];
    let status: number | undefined;
    const outputs: Readonly<Partial<Record<FrameKind, Writable>>> = { output, errors };
    const take = ({ kind, payload }: Frame) => {
      // A reader that has seen enough (`| head -1`) ends the command.
      outputs[kind]?.write(payload, (error) =>
        error ? send("hangup", NOTHING) : send("window", encodeTaken(payload.length)),
      );
      if (kind === "window") sender.taken(decodeTaken(payload));
      if (kind === "exit") status = payload[0] ?? 1;
    };
    socket.once("connect", () => {
      send("start", encodeCommandLine({ ...line, input: input !== undefined }));
      if (input !== undefined) {
        sender.follow(
          input,
          (piece) => send("input", piece),
          () => send("input", NOTHING),
        );
      }
      undo.push(
        onSignal((name) => send("signal", Buffer.from(name))),
        onResize((size) => send("size", encodeSize(size))),
      );
    });
    socket.on("data", (chunk: Buffer) => {
      try {
        for (const frame of reader.push(chunk)) take(frame);
      } catch (error) {
        socket.destroy(error instanceof Error ? error : undefined);
      }
    });
    let failure: NodeJS.ErrnoException | undefined;
    socket.once("error", (error) => {
      failure = error;
    });
    socket.once("close", () => {
      for (const each of undo) each();
      input?.destroy();
      if (status === undefined) reject(gone(socketPath, failure));
      else resolve(status);
    });
  });
}

function gone(socketPath: string, failure: NodeJS.ErrnoException | undefined): OcicatError {
  if (failure?.code === "EACCES") {
    const what = "only root can reach the machine that the lab is in";
    return new OcicatError({ code: "LAB_NOT_ROOT", where: socketPath, what, fix: "run this with sudo" });
  }
  return new OcicatError({
    code: "LAB_MACHINE",
    where: socketPath,
    what: "the machine that the lab is in has ended, or was never up",
    why: failure?.message,
    fix: "take away what is left of it: ocicat lab down",
  });
}
