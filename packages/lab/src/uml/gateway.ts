import { once } from "node:events";
import { chmodSync, mkdirSync, openSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { markOf } from "../process/mark.ts";
import type { LabPlaces } from "../world/places.ts";
import { bootUml, cutPower } from "./boot.ts";
import { encodeFrame, type Frame, FrameReader } from "./frame.ts";
import { findUmlKernel } from "./kernel.ts";
import { PacedWriter } from "./paced-writer.ts";
import { decodeTaken } from "./window.ts";

const MEMORY_MIB = 2048;
/** Built: the machine runs it by itself. */
const SERVE = fileURLToPath(new URL("../../dist/uml/serve-line.js", import.meta.url));
const NOTHING = new Uint8Array();

/**
 * The process beside a lab's machine, on the host: boots it, and hands frames between its serial line and those who connect
 * to a Unix socket in the lab's directory, each a session of its own. Runs until the machine has ended, which it does by
 * itself when this process ends, however that happens: nobody is left on its line.
 */
export async function runGateway(places: LabPlaces): Promise<void> {
  const kernel = findUmlKernel();
  const work = places.machineDir;
  mkdirSync(work, { recursive: true, mode: 0o700 });
  mkdirSync(dirname(places.machineLog), { recursive: true });
  writeFileSync(join(work, "run"), `exec ${[process.execPath, SERVE, "/dev/ttyS0"].map(quote).join(" ")}\n`);
  const log = openSync(places.machineLog, "w", 0o600);
  const machine = bootUml({
    kernel,
    work,
    // What nodes write lies there, and `down` on the host removes it: it must not be the host's.
    own: [dirname(places.disk)],
    writable: true,
    memory: MEMORY_MIB,
    stdio: ["ignore", log, log, "pipe", "pipe"],
    env: { ...process.env, ...markOf(places) },
  });
  const ended = once(machine, "close");
  const [, , , toGuest, fromGuest] = machine.stdio;
  if (!(toGuest instanceof Writable) || !(fromGuest instanceof Readable)) throw new Error("it has no serial line");
  toGuest.on("error", () => undefined);
  const line = new PacedWriter((bytes) => void toGuest.write(bytes));
  const switchboard = new Switchboard(line);
  const reader = new FrameReader();
  let server: Server | undefined;
  fromGuest.on("data", (chunk: Buffer) => {
    for (const frame of reader.push(chunk)) {
      if (frame.session !== 0) switchboard.fromGuest(frame);
      else if (frame.kind === "window") line.taken(decodeTaken(frame.payload));
      else if (frame.kind === "hello") server = listen(places.machineSocket, switchboard);
    }
  });
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.once(signal, () => cutPower(machine));
  try {
    await ended;
  } finally {
    server?.close();
    switchboard.close();
    rmSync(places.machineSocket, { force: true });
  }
}

/** For root alone: whoever can connect is root in the machine, whose files are the host's. */
function listen(path: string, switchboard: Switchboard): Server {
  rmSync(path, { force: true });
  const mask = process.umask(0o177);
  try {
    const server = createServer({ allowHalfOpen: false }, (socket) => switchboard.connect(socket));
    server.listen(path);
    return server;
  } finally {
    process.umask(mask);
    chmodSync(path, 0o600);
  }
}

/** Numbers sessions: on each connection there is one, on the line there are many. */
class Switchboard {
  readonly #line: PacedWriter;
  readonly #sockets = new Map<number, Socket>();
  #last = 0;

  constructor(line: PacedWriter) {
    this.#line = line;
  }

  connect(socket: Socket): void {
    const session = this.#free();
    this.#sockets.set(session, socket);
    const reader = new FrameReader();
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      try {
        for (const frame of reader.push(chunk)) this.#line.write(encodeFrame({ ...frame, session }));
      } catch {
        // Not one of us.
        socket.destroy();
      }
    });
    socket.once("close", () => {
      if (this.#sockets.delete(session)) this.#line.write(encodeFrame({ kind: "hangup", session, payload: NOTHING }));
    });
  }

  fromGuest({ kind, session, payload }: Frame): void {
    const socket = this.#sockets.get(session);
    socket?.write(encodeFrame({ kind, session: 0, payload }));
    if (kind !== "exit") return;
    this.#sockets.delete(session);
    socket?.end();
  }

  close(): void {
    for (const socket of this.#sockets.values()) socket.destroy();
  }

  /** A number that no session has: also none whose command outlives its caller, as far as 16 bits can tell. */
  #free(): number {
    do this.#last = (this.#last % 0xffff) + 1;
    while (this.#sockets.has(this.#last));
    return this.#last;
  }
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
