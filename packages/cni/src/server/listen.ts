import { chmod, lstat, mkdir, rename, rm, stat } from "node:fs/promises";
import { connect, type Server } from "node:net";
import { dirname } from "node:path";
import { OcicatError } from "@ocicat/kit";

export const DEFAULT_SOCKET = "/run/ocicat/cni.sock";

/** sizeof(sockaddr_un.sun_path) is 108 on Linux, with the final NUL; the temporary name needs a few more characters. */
export const MAX_SOCKET_PATH = 108 - 1 - ".4194304".length;

/**
 * Listens on `path`, readable and writable for the owner alone. The socket is bound under a temporary name, given its mode, and
 * then renamed: it is at no moment open to others, and a dead agent's socket is replaced without a gap. Throws OcicatError
 * CNI_SOCKET_IN_USE if another agent answers there, CNI_SOCKET_PATH if the path is not one for a socket.
 *
 * Returns how to remove it; a socket that another agent has put there since is left alone.
 */
export async function listenOn(server: Server, path: string): Promise<() => Promise<void>> {
  await claim(path);
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}`;
  await rm(temporary, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(temporary, () => {
      server.off("error", reject);
      resolve();
    });
  });
  await chmod(temporary, 0o600);
  await rename(temporary, path);
  const { ino, dev } = await stat(path);
  return async () => {
    const now = await stat(path).catch(() => undefined);
    if (now?.ino === ino && now.dev === dev) await rm(path, { force: true });
  };
}

async function claim(path: string): Promise<void> {
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH || !path.startsWith("/")) {
    throw new OcicatError({
      code: "CNI_SOCKET_PATH",
      where: path,
      what: "not a path for the plugin's socket",
      fix: `use an absolute path of at most ${MAX_SOCKET_PATH} bytes`,
    });
  }
  const there = await lstat(path).catch(() => undefined);
  if (there === undefined) return;
  if (!there.isSocket()) {
    throw new OcicatError({
      code: "CNI_SOCKET_PATH",
      where: path,
      what: "is there and is not a socket",
      fix: "move it away, or use another path",
    });
  }
  if (await answers(path)) {
    throw new OcicatError({
      code: "CNI_SOCKET_IN_USE",
      where: path,
      what: "another agent serves the plugin on this socket",
      fix: "stop it first; there is one agent a node",
    });
  }
}

/** A socket whose process died refuses connections: nobody listens. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) =>
      resolve(error.code !== "ECONNREFUSED" && error.code !== "ENOENT"),
    );
  });
}
