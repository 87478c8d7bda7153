/** The embedded server and Debian's etcd as processes of their own, each with a client. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type EtcdDatastore, openEtcd } from "@ocicat/datastore/etcd";

export interface Server {
  readonly name: string;
  readonly pid: number;
  readonly endpoint: string;
  readonly store: EtcdDatastore;
  /** At once, as a machine that loses its power. */
  stop(): Promise<void>;
}

/** Starts one on what a directory has of it, nothing at first. Resolves when it has answered. */
export type Start = (directory: string) => Promise<Server>;

/** Plain JavaScript without the client: what runs where the server runs, and no more, is what its memory is measured of. */
const SERVER = `
  import { startServer } from "@ocicat/datastore/server";
  import { silentLogger as logger } from "@ocicat/kit";

  const clock = {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    after(ms, _name, callback) {
      const timer = setTimeout(callback, ms);
      return { cancel: () => clearTimeout(timer) };
    },
  };
  const listen = [{ host: "127.0.0.1", port: 0 }];
  const { endpoints } = await startServer({ listen, dataFile: process.argv[1], clock, logger });
  console.log(endpoints[0].port);
`;

export const startOurs: Start = async (directory) => {
  // As docs/server.md recommends to run it. OCICAT_BENCH_NODE_OPTIONS: a profiler's, say.
  const options = ["--max-semi-space-size=2", ...(process.env.OCICAT_BENCH_NODE_OPTIONS?.split(" ") ?? [])];
  const args = [...options, "--input-type=module", "--eval", SERVER, join(directory, "data")];
  const child = spawn(process.execPath, args, { cwd: import.meta.dirname, stdio: ["ignore", "pipe", "inherit"] });
  const [port] = await once(createInterface(child.stdout), "line");
  return attach("embedded server", child, `http://127.0.0.1:${String(port)}`);
};

export const startEtcd: Start = async (directory) => {
  const child = spawn(
    "etcd",
    [
      ["--data-dir", join(directory, "etcd")],
      ["--listen-client-urls", "http://127.0.0.1:0", "--advertise-client-urls", "http://127.0.0.1:1"],
      ["--listen-peer-urls", "http://127.0.0.1:0", "--logger=zap", "--log-outputs=stderr"],
    ].flat(),
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  const failed = Promise.withResolvers<never>();
  child.once("error", (error) => {
    failed.reject(new Error("etcd cannot be started; install it with: apt-get install etcd-server", { cause: error }));
  });
  child.once("exit", () => failed.reject(new Error("etcd ended")));
  const address = Promise.withResolvers<string>();
  createInterface(child.stderr).on("line", (line) => {
    const found = /serving client traffic insecurely.*"address":"([^"]+)"/.exec(line)?.[1];
    if (found !== undefined) address.resolve(found);
  });
  failed.promise.catch(() => {});
  return attach("etcd", child, `http://${await Promise.race([address.promise, failed.promise])}`);
};

async function attach(name: string, child: ChildProcess, endpoint: string): Promise<Server> {
  const store = openEtcd({ endpoints: [endpoint], timeoutMs: 60_000 });
  await store.get("/bench/none");
  const { pid } = child;
  if (pid === undefined) throw new Error(`${name} has no process id`);
  return {
    name,
    pid,
    endpoint,
    store,
    async stop() {
      await store.close();
      if (child.exitCode === null && child.signalCode === null) {
        const exit = once(child, "exit");
        child.kill(process.env.OCICAT_BENCH_NODE_OPTIONS === undefined ? "SIGKILL" : "SIGINT");
        await exit;
      }
    },
  };
}

/** Both on one disk, for as long as `work` takes. OCICAT_BENCH_DIRECTORY says which disk; that of /tmp otherwise. */
export async function withServers<T>(work: (ours: Server, etcd: Server) => Promise<T>): Promise<T> {
  return inDirectory(async (directory) => {
    const ours = await startOurs(directory);
    try {
      const etcd = await startEtcd(directory);
      try {
        return await work(ours, etcd);
      } finally {
        await etcd.stop();
      }
    } finally {
      await ours.stop();
    }
  });
}

export async function inDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(process.env.OCICAT_BENCH_DIRECTORY ?? tmpdir(), "oct-bench-"));
  try {
    return await work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Mebibytes. */
export function residentMemory({ pid }: Server): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}
