import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Debian's etcdctl, as an independent witness. Returns what it prints; rejects with what it says when it fails. */
export async function etcdctl(endpoint: string, ...args: string[]): Promise<string> {
  try {
    const { stdout } = await run("etcdctl", ["--endpoints", endpoint, ...args], {
      env: { ...process.env, ETCDCTL_API: "3" },
    });
    return stdout;
  } catch (cause) {
    throw new Error("etcdctl failed; if it is missing, install it with: apt-get install etcd-client", { cause });
  }
}
