import { eventually, type TestLab } from "./lab.ts";

/**
 * Whether a TCP connection's first packet gets there and something comes back: that nobody listens is an answer too. What is
 * denied gets none. A second is long in a lab.
 */
export async function reaches(lab: TestLab, from: string, address: string, port: number): Promise<boolean> {
  const script = `exec 3<>/dev/tcp/${address}/${port}`;
  const { code, stderr } = await lab.exec(from, "timeout", "1", "bash", "-c", script);
  if (code === 124) return false;
  if (code === 0 || stderr.includes("refused")) return true;
  throw new Error(`${from} to ${address}:${port}: exit ${code}: ${stderr}`);
}

/** Until it is so: a policy takes some milliseconds to get to a node. */
export async function eventuallyReaches(
  lab: TestLab,
  from: string,
  to: string,
  port: number,
  wanted: boolean,
): Promise<void> {
  await eventually(
    () => reaches(lab, from, to.includes(".") ? to : lab.address(to), port),
    (reached) => reached === wanted,
  );
}
