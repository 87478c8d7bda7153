import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import type { Logger, Scope } from "@ocicat/kit";
import type { Family } from "@ocicat/net";
import { answerLine, WELCOME } from "./commands.ts";
import type { BirdSource } from "./source.ts";

/** A line that is longer than this is no command. */
const MOST_CHARACTERS = 4_096;

/** By family, as Calico's two daemons name them. */
export const SOCKETS: Readonly<Record<Family, string>> = { 4: "bird.ctl", 6: "bird6.ctl" };

/**
 * BIRD's control sockets in a directory, for its owner alone: what `birdcl` and Calico's `node status` ask. They are for
 * looking: BGP does not depend on them, so where they cannot be that is told and no more.
 */
export async function serveBirdSockets(
  directory: string,
  source: (family: Family) => BirdSource,
  logger: Logger,
  scope: Scope,
): Promise<void> {
  for (const family of [4, 6] as const) {
    const path = join(directory, SOCKETS[family]);
    try {
      await serveAt(path, () => source(family), scope);
    } catch (error) {
      logger.warning("BIRD's control socket cannot be served", { path, error: String(error) });
    }
  }
}

async function serveAt(path: string, source: () => BirdSource, scope: Scope): Promise<void> {
  mkdirSync(join(path, ".."), { recursive: true, mode: 0o755 });
  rmSync(path, { force: true });
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    converse(socket, source);
  });
  await listening(server, path);
  chmodSync(path, 0o600);
  scope.add(path, async () => {
    for (const socket of open) socket.destroy();
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
  });
}

function converse(socket: Socket, source: () => BirdSource): void {
  let text = "";
  socket.setEncoding("utf8");
  // The asker may have gone before it has its answer.
  socket.on("error", () => socket.destroy());
  socket.write(WELCOME);
  socket.on("data", (chunk: string) => {
    const lines = (text + chunk).split("\n");
    text = lines.pop() ?? "";
    if (text.length > MOST_CHARACTERS) socket.destroy();
    for (const line of lines) if (!socket.destroyed) socket.write(answerLine(line, source()));
  });
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => resolve());
  });
}
