import { lstatSync, unlinkSync } from "node:fs";
import { connect } from "node:net";
import { ServerError } from "../errors.ts";

/**
 * A server that was killed leaves its socket behind, and nobody can listen there before it is removed. Removed only if
 * it is a socket and nobody answers on it. Throws ServerError otherwise.
 */
export async function clearStaleSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new ServerError("LISTEN_FAILED", "cannot listen", {
      where: path,
      why: "there is something that is not a socket",
      fix: "move it away, or choose another path",
    });
  }
  if (await answers(path)) {
    throw new ServerError("LISTEN_FAILED", "cannot listen", {
      where: path,
      why: "another process listens there",
      fix: "stop it, or choose another path",
    });
  }
  unlinkSync(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error) => {
      // Anything but a refusal (no permission, say) means that we cannot tell, and so must not remove it.
      resolve(!("code" in error && error.code === "ECONNREFUSED"));
    });
  });
}

/** The kernel gives a socket its mode when it is bound, which `begin` must do before it returns its promise. */
export function withPrivateUmask<T>(begin: () => T): T {
  const before = process.umask(0o177);
  try {
    return begin();
  } finally {
    process.umask(before);
  }
}
