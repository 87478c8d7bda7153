/** What is asked of a datastore, and how long it took. */

/** Of the size of Calico's workload endpoints. */
export const VALUE = "x".repeat(256);
export const PREFIX = "/calico/resources/v3/projectcalico.org/workloadendpoints/default/";

/** One of `keys` keys, which numbers that follow one another spread over. */
export function key(number: number, keys: number): string {
  const index = (number * 7919) % keys;
  return `${PREFIX}node-${index % 1000}-k8s-pod--${index}-eth0`;
}

/** Microseconds each of `count` calls took, one after the other. */
export async function timed(count: number, call: (number: number) => Promise<unknown>): Promise<number[]> {
  const figures: number[] = [];
  for (let number = 0; number < count; number++) {
    const start = performance.now();
    await call(number);
    figures.push((performance.now() - start) * 1000);
  }
  return figures;
}

/** Calls a second, with `width` under way at any time. */
export async function rate(count: number, width: number, call: (number: number) => Promise<unknown>): Promise<number> {
  let next = 0;
  const worker = async () => {
    while (next < count) await call(next++);
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: width }, worker));
  return count / ((performance.now() - start) / 1000);
}
