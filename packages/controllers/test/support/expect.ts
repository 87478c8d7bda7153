/** Waits for a fact, at most `ms`; then throws with what it last saw. */
export async function eventually<T>(look: () => T | Promise<T>, holds: (seen: T) => boolean, ms = 10_000): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const seen = await look();
    if (holds(seen)) return seen;
    if (performance.now() > deadline) throw new Error(`it did not come to be; seen last: ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
