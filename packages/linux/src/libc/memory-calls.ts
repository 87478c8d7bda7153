import { library } from "./library.ts";

/**
 * Hands what the process has freed back to the system: glibc keeps it, a third of what an agent has just read. Some milliseconds.
 * No error where the C library has no such call (musl frees by itself).
 */
export function giveBackFreed(): void {
  trim?.(0);
}

const trim = trimOf();

function trimOf(): ((pad: number) => unknown) | undefined {
  try {
    return library.func("int malloc_trim(size_t pad)");
  } catch {
    return undefined;
  }
}
