import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { type NamespaceHandle, openNamespace, spawnIn } from "@ocicat/linux";
import { collect, OCICAT, type Output } from "./lab.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Of its own: /run and /var/tmp, so that nobody else's files come and go there. The mounts that others have below /run are
 * copies here, and would keep their namespaces alive.
 *
 * The last part asks whether mount namespaces made on every processor can be mounted on files here. The kernel allows that
 * only for younger ones, to have no loops, and goes by numbers that (measured on 6.18) each processor takes from a range of
 * its own: what is made later on another processor may have a lower one. The machine's first namespace is below all.
 */
const PREPARE = `
  awk '$5 ~ "^/run/" { print $5 }' /proc/self/mountinfo | sort -r | xargs -r -n 1 umount -l
  mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/tmp && ip link set lo up || exit 1
  for cpu in $(seq 0 $(($(nproc --all) - 1))); do
    touch /run/probe
    taskset -c $cpu unshare --mount=/run/probe true 2>/dev/null || exit 9
    umount /run/probe && rm /run/probe
  done
  echo ready
  sleep infinity
  echo "process 1 reaps what its children leave, as an init does: so it must not become sleep"`;

/**
 * As much of a machine as a test can have for itself: network, mounts, processes, /run and /var/tmp. What is in it is this
 * test's and nobody else's, so that "nothing is left behind" can be said of the whole of it, whoever else is at work beside.
 */
export class OwnMachine {
  readonly #first: ChildProcess;
  readonly #net: NamespaceHandle;
  readonly #mount: NamespaceHandle;
  readonly #pid: NamespaceHandle;

  private constructor(first: ChildProcess, pid: number) {
    this.#first = first;
    this.#net = openNamespace(`/proc/${pid}/ns/net`);
    this.#mount = openNamespace(`/proc/${pid}/ns/mnt`);
    this.#pid = openNamespace(`/proc/${pid}/ns/pid`);
  }

  static async start(): Promise<OwnMachine> {
    for (const cpu of cpus().keys()) {
      const args = ["--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", PREPARE];
      const first = spawn("taskset", ["-c", `${cpu}`, "unshare", ...args], { stdio: ["ignore", "pipe", "inherit"] });
      const ready = await Promise.race([
        once(first.stdout, "data").then(() => true),
        once(first, "exit").then(() => false),
      ]);
      if (!ready) continue;
      const children = readFileSync(`/proc/${first.pid}/task/${first.pid}/children`, "utf8");
      return new OwnMachine(first, Number(children.trim()));
    }
    throw new Error("no processor makes a namespace that others can be mounted in");
  }

  /** Its network: what is opened in it belongs to the machine. Closed with it. */
  get net(): NamespaceHandle {
    return this.#net;
  }

  /** Ends every process in it; mounts, links and files go with them. */
  async close(): Promise<void> {
    for (const handle of [this.#net, this.#mount, this.#pid]) handle.close();
    const ended = once(this.#first, "exit");
    this.#first.kill("SIGKILL");
    await ended;
  }

  /** Starts a command; the caller ends it. */
  start(program: string, ...args: readonly string[]) {
    const child = spawnIn({ net: this.#net, mount: this.#mount, pid: this.#pid }, program, args, {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "pipe"],
    });
    return { child, ended: collect(child) };
  }

  run(program: string, ...args: readonly string[]): Promise<Output> {
    return this.start(program, ...args).ended;
  }

  /** A line of shell, in which "$NODE" "$OCICAT" is this project's command. */
  shell(line: string): Promise<Output> {
    return this.run("env", `NODE=${process.execPath}`, `OCICAT=${OCICAT}`, "sh", "-c", line);
  }

  /** What it printed; throws if it failed. */
  async out(program: string, ...args: readonly string[]): Promise<string> {
    const result = await this.run(program, ...args);
    if (result.code !== 0) {
      throw new Error(`${program} ${args.join(" ")}: exit ${result.code}\n${result.stdout}${result.stderr}`);
    }
    return result.stdout;
  }

  ocicat(...args: readonly string[]): Promise<Output> {
    return this.run(process.execPath, OCICAT, ...args);
  }

  startOcicat(...args: readonly string[]) {
    return this.start(process.execPath, OCICAT, ...args);
  }

  /** Everything that a lab could leave behind, as the kernel and other people's programs tell it. */
  async snapshot(): Promise<Readonly<Record<string, readonly string[]>>> {
    const lines = (text: string) => text.split("\n").filter((line) => line !== "");
    return {
      // Not those that have ended and wait for process 1 to notice.
      processes: lines(await this.out("ps", "-eo", "state=,pid=,comm="))
        .filter((line) => !line.startsWith("Z") && !line.endsWith(" ps"))
        .map((line) => line.slice(2)),
      namespaces: lines(await this.out("sh", "-c", "ip netns; ls -A /run/netns 2>/dev/null || true")),
      links: lines(await this.out("ip", "-o", "link")),
      routes: lines(await this.out("sh", "-c", "ip -4 route show table all; ip rule")),
      rules: lines(await this.out("nft", "list", "ruleset")),
      mounts: lines(await this.out("sh", "-c", "cut -d' ' -f4- /proc/self/mountinfo")),
      files: lines(await this.out("find", "/run", "/var/tmp", "-printf", "%p %y %m %s\\n")),
      elsewhere: lines(
        await this.out(
          "sh",
          "-c",
          "ls -d /etc/cni /etc/calico /opt/cni /var/lib/calico /var/lib/ocicat /var/lib/cni 2>/dev/null || true",
        ),
      ),
      sockets: lines(await this.out("sh", "-c", "awk 'NR > 1 && $8 != \"\" { print $8 }' /proc/net/unix")),
      switches: lines(await this.out("cat", "/proc/sys/net/ipv4/ip_forward")),
    };
  }
}
