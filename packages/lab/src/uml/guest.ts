import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { closeSync, constants, existsSync, openSync } from "node:fs";
import { release, constants as system } from "node:os";
import { Readable, type Writable } from "node:stream";
import { ReadStream, WriteStream } from "node:tty";
import { openPseudoTerminal, resizeTerminal } from "@ocicat/linux";
import { type CommandLine, decodeCommandLine, decodeSize } from "./command-line.ts";
import { encodeFrame, type Frame, type FrameKind, FrameReader } from "./frame.ts";
import { decodeTaken, encodeTaken, WindowedSender } from "./window.ts";

/**
 * Inside the machine: runs the commands that come over the serial line until the line is hung up, which is when whoever
 * started the machine has ended.
 */
export async function serveLine(device: string): Promise<void> {
  const fd = openSync(device, constants.O_RDWR | constants.O_NOCTTY);
  const line = { in: new ReadStream(fd), out: new WriteStream(fd) };
  const reader = new FrameReader();
  const sessions = new Map<number, Session>();
  const ended = new Promise<void>((resolve) => {
    for (const event of ["end", "close", "error"]) line.in.once(event, () => resolve());
  });
  line.out.on("error", () => undefined);
  line.in.on("data", (chunk: Buffer) => {
    line.out.write(encodeFrame({ kind: "window", session: 0, payload: encodeTaken(chunk.length) }));
    for (const frame of reader.push(chunk)) take(frame);
  });
  function take(frame: Frame): void {
    if (frame.kind === "start") start(frame);
    else sessions.get(frame.session)?.take(frame);
  }
  function start({ session, payload }: Frame): void {
    const send = (kind: FrameKind, bytes: Uint8Array) =>
      void line.out.write(encodeFrame({ kind, session, payload: bytes }));
    const command = decodeCommandLine(payload);
    if (command !== undefined) {
      sessions.set(session, new Session(command, send, () => sessions.delete(session)));
      return;
    }
    send("errors", Buffer.from("ocicat: the machine was sent no command\n"));
    send("exit", new Uint8Array([126]));
  }
  line.out.write(encodeFrame({ kind: "hello", session: 0, payload: Buffer.from(release()) }));
  await ended;
}

/** One command, from its start to its exit status. */
class Session {
  readonly #child: ChildProcess;
  readonly #send: (kind: FrameKind, payload: Uint8Array) => void;
  readonly #sender = new WindowedSender();
  readonly #stdin: Writable | undefined;
  readonly #terminal: number | undefined;
  #status: number | undefined;
  #following = 0;

  constructor(line: CommandLine, send: (kind: FrameKind, payload: Uint8Array) => void, onEnd: () => void) {
    this.#send = send;
    const end = () => {
      if (this.#status === undefined || this.#following > 0) return;
      send("exit", new Uint8Array([this.#status]));
      onEnd();
    };
    const follow = (kind: FrameKind, stream: Readable | null | undefined) => {
      if (!(stream instanceof Readable)) return;
      this.#following++;
      this.#sender.follow(
        stream,
        (piece) => send(kind, piece),
        () => {
          this.#following--;
          end();
        },
      );
    };
    if (line.terminal === undefined) {
      this.#child = spawnLine(line, line.argv, {
        stdio: [line.input ? "pipe" : "ignore", "pipe", "pipe"],
        detached: true,
      });
      this.#stdin = this.#child.stdin ?? undefined;
      follow("output", this.#child.stdout);
      follow("errors", this.#child.stderr);
    } else {
      const { master, slave } = openPseudoTerminal();
      resizeTerminal(master, line.terminal);
      // Node makes a session, but gives it no terminal; setsid does both, in the same process.
      this.#child = spawnLine(line, ["setsid", "--ctty", ...line.argv], { stdio: [slave, slave, slave] });
      closeSync(slave);
      this.#terminal = master;
      this.#stdin = new WriteStream(master);
      follow("output", new ReadStream(master));
    }
    this.#stdin?.on("error", () => undefined);
    this.#child.once("error", (error: NodeJS.ErrnoException) => {
      send("errors", Buffer.from(`ocicat: ${line.argv[0]}: ${error.message}\n`));
      this.#status = error.code === "ENOENT" ? 127 : 126;
      end();
    });
    this.#child.once("exit", (code, signal) => {
      this.#status ??= code ?? 128 + (signal === null ? 0 : system.signals[signal]);
      end();
    });
  }

  take({ kind, payload }: Frame): void {
    if (kind === "input") this.#input(payload);
    else if (kind === "signal") this.#signal(Buffer.from(payload).toString());
    else if (kind === "hangup") this.#hangUp();
    else if (kind === "size") this.#resize(payload);
    else if (kind === "window") this.#sender.taken(decodeTaken(payload));
  }

  #hangUp(): void {
    this.#signal("SIGHUP");
    this.#sender.giveUp();
  }

  #input(payload: Uint8Array): void {
    if (payload.length === 0) this.#stdin?.end();
    else this.#stdin?.write(payload, () => this.#send("window", encodeTaken(payload.length)));
  }

  #resize(payload: Uint8Array): void {
    const size = decodeSize(payload);
    if (size !== undefined && this.#terminal !== undefined) resizeTerminal(this.#terminal, size);
  }

  /** To all of the command's processes, as a terminal does it. */
  #signal(name: string): void {
    if (this.#child.pid === undefined || !isSignal(name)) return;
    try {
      process.kill(-this.#child.pid, name);
    } catch {
      // They have ended.
    }
  }
}

/** The leader of a session of its own, so that its processes can be signalled together. */
function spawnLine(
  { cwd, env }: CommandLine,
  [program, ...args]: CommandLine["argv"],
  options: SpawnOptions,
): ChildProcess {
  return spawn(program, args, { ...options, cwd: existsSync(cwd) ? cwd : "/", env: { ...env } });
}

function isSignal(name: string): name is NodeJS.Signals {
  return name in system.signals;
}
