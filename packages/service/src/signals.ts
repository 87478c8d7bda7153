/** Resolves at the first SIGTERM or SIGINT. Asked for before a program serves: whoever reads that it does may end it at once. */
export function untilSignalled(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
}
