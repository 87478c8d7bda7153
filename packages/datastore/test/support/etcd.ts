import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** A real etcd of one member on loopback, with its data in a directory of its own. */
export interface EtcdServer {
  readonly dataDir: string;
  /** `http://127.0.0.1:port`; changes with a restart unless the port was asked for. */
  readonly endpoint: string;
  readonly pid: number;
  /** Ends it at once, as a crash would, and keeps its data. */
  kill(): Promise<void>;
  /** Ends it and removes its data. Idempotent. */
  stop(): Promise<void>;
}

export interface EtcdServerOptions {
  /** An earlier server's, to go on with its data. */
  readonly dataDir?: string;
  /** Further flags. */
  readonly flags?: readonly string[];
  /** `http` unless told. */
  readonly scheme?: "http" | "https";
  /** 0 unless told: any free one. */
  readonly port?: number;
}

const START_LIMIT_MS = 15_000;

/** Starts Debian's etcd. Fails with the command that installs it if it is not there. */
export async function startEtcd(options: EtcdServerOptions = {}): Promise<EtcdServer> {
  const { scheme = "http", port = 0 } = options;
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), "oct-etcd-")));
  const child = spawn(
    "etcd",
    [
      ["--data-dir", dataDir],
      ["--listen-client-urls", `${scheme}://127.0.0.1:${port}`],
      // Never used: one member talks to nobody.
      ["--advertise-client-urls", `${scheme}://127.0.0.1:1`],
      ["--listen-peer-urls", "http://127.0.0.1:0"],
      ["--enable-grpc-gateway=false", "--enable-v2=false", "--logger=zap", "--log-outputs=stderr"],
      // A member alone elects itself after this, instead of after a second.
      ["--heartbeat-interval", "20", "--election-timeout", "200"],
      // A killed process loses nothing that way; only a power cut would.
      ["--unsafe-no-fsync"],
      // Tests ask for signs of life more often than etcd likes by default.
      ["--grpc-keepalive-min-time", "10ms"],
      ...(options.flags ?? []).map((flag) => [flag]),
    ].flat(),
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  const exited = once(child, "exit");
  const remove = () => rm(dataDir, { recursive: true, force: true });
  const end = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await exited;
  };
  try {
    const address = await clientAddress(child);
    const { pid } = child;
    if (pid === undefined) throw new Error("etcd has no process id");
    const stop = async () => {
      await end();
      await remove();
    };
    return { endpoint: `${scheme}://${address}`, pid, dataDir, kill: end, stop };
  } catch (error) {
    if (child.pid !== undefined) await end();
    await remove();
    throw error;
  }
}

/** The address etcd says it serves clients on, once it does. */
function clientAddress(child: ChildProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const said: string[] = [];
  const timer = setTimeout(() => reject(new Error(`etcd did not start in time:\n${said.join("\n")}`)), START_LIMIT_MS);
  child.once("error", (error) =>
    reject(new Error("etcd cannot be started; install it with: apt-get install etcd-server", { cause: error })),
  );
  child.once("exit", () => reject(new Error(`etcd ended at its start:\n${said.join("\n")}`)));
  if (child.stderr === null) throw new Error("etcd's stderr is not connected");
  createInterface({ input: child.stderr }).on("line", (line) => {
    const address = /serving client traffic (?:in)?securely.*"address":"([^"]+)"/.exec(line)?.[1];
    if (address !== undefined) resolve(address);
    if (said.length < 200) said.push(line);
  });
  return promise.finally(() => clearTimeout(timer));
}
