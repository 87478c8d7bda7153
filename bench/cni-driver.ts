/**
 * Runs inside a node: executes a plugin's ADD and DEL many times and prints the times as JSON. Started by bench/cni.ts.
 *
 *     node cni-driver.ts '{"plugin":"/opt/cni/bin/ocicat","conf":{…},"rounds":200,"atOnce":1,"prefix":"b1"}'
 */
import { execFileSync, spawn } from "node:child_process";

interface Task {
  readonly plugin: string;
  readonly conf: Readonly<Record<string, unknown>>;
  readonly rounds: number;
  readonly atOnce: number;
  readonly prefix: string;
}

const task = JSON.parse(process.argv[2] ?? "{}") as Task;
const conf = JSON.stringify(task.conf);

function call(command: "ADD" | "DEL", id: string): Promise<number> {
  const start = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(task.plugin, [], {
      env: {
        PATH: process.env.PATH,
        CNI_COMMAND: command,
        CNI_CONTAINERID: id,
        CNI_NETNS: `/run/netns/${id}`,
        CNI_IFNAME: "eth0",
        CNI_PATH: "/opt/cni/bin:/usr/lib/cni",
        CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=bench;K8S_POD_NAME=${id}`,
      },
      stdio: ["pipe", "pipe", "pipe"],
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(performance.now() - start);
      else reject(new Error(`${task.plugin} ${command} ${id}: exit ${code}: ${output}`));
    });
    child.stdin.on("error", () => undefined);
    child.stdin.end(conf);
  });
}

/** `count` calls, `atOnce` at a time; their times and the whole. */
async function run(command: "ADD" | "DEL", ids: readonly string[], atOnce: number) {
  const waiting = [...ids];
  const times: number[] = [];
  const start = performance.now();
  const worker = async () => {
    for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) times.push(await call(command, id));
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return { times, totalMs: performance.now() - start };
}

const ids = Array.from({ length: task.rounds }, (_, index) => `${task.prefix}${index}`);
for (const id of ids) execFileSync("ip", ["netns", "add", id]);
try {
  const add = await run("ADD", ids, task.atOnce);
  const del = await run("DEL", ids, task.atOnce);
  process.stdout.write(JSON.stringify({ add, del }));
} finally {
  for (const id of ids) execFileSync("ip", ["netns", "del", id]);
}
