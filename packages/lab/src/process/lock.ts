import { createServer } from "node:net";
import { OcicatError } from "@ocicat/kit";
import type { LabPlaces } from "../world/places.ts";

/**
 * Lets one command at a time change what a lab consists of. The lock is a name in the kernel's abstract socket space, which
 * has no file: it goes with the process that has it, however that ends. Throws OcicatError LAB_BUSY.
 */
export async function withLock<T>(places: Pick<LabPlaces, "lab" | "run">, work: () => Promise<T>): Promise<T> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(error.code === "EADDRINUSE" ? busy(places) : error));
    server.listen({ path: `\0ocicat-lab:${places.run}` }, resolve);
  });
  try {
    return await work();
  } finally {
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

function busy({ lab }: Pick<LabPlaces, "lab">): OcicatError {
  return new OcicatError({
    code: "LAB_BUSY",
    where: `lab ${lab}`,
    what: "another command is bringing it up, taking it down or changing its nodes",
    fix: "wait until that has ended, or end it and run: ocicat lab down",
    retryable: true,
  });
}
