import { join } from "node:path";
import { CniRuntime, type Exec } from "@ocicat/cni/runtime";
import { collect, type Output, type TestLab } from "./lab.ts";

/** One container's interface, as a runtime names it to a plugin. */
export interface Attachment {
  readonly containerId: string;
  /** Path of the network namespace in the node. */
  readonly netns: string;
  readonly ifname?: string;
  /** CNI_ARGS. */
  readonly args?: string;
}

export const CONF = { cniVersion: "1.0.0", name: "ocicat", type: "ocicat", ipam: { type: "ocicat-ipam" } };

/** What a node's kernel holds of pods, in the words of iproute2 and nft. */
export interface NodeState {
  readonly links: readonly string[];
  readonly routes: readonly string[];
  readonly known: readonly string[];
  readonly qdiscs: readonly string[];
  readonly nat: readonly string[];
}

/** Executes plugins on a node as a runtime does, with nothing of the lab's own runtime between. */
export class NodeCni {
  readonly #lab: TestLab;
  readonly #node: string;
  #made = 0;

  constructor(lab: TestLab, node: string) {
    this.#lab = lab;
    this.#node = node;
  }

  /** A namespace in the node for one container; it goes with the lab. */
  async namespace(): Promise<string> {
    this.#made += 1;
    const name = `test${this.#made}`;
    await this.#lab.out(this.#node, "ip", "netns", "add", name);
    return `/run/netns/${name}`;
  }

  /** One execution of our plugin. `conf`: what is on its standard input. */
  exec(command: string, attachment: Attachment, conf: unknown = CONF, plugin = "ocicat"): Promise<Output> {
    const { containerId, netns, ifname = "eth0", args = "" } = attachment;
    const env = {
      PATH: process.env["PATH"] ?? "",
      CNI_COMMAND: command,
      CNI_CONTAINERID: containerId,
      CNI_NETNS: netns,
      CNI_IFNAME: ifname,
      CNI_ARGS: args,
      CNI_PATH: "/opt/cni/bin",
    };
    const child = this.#lab.lab.spawn(this.#node, [`/opt/cni/bin/${plugin}`], { env, stdio: "pipe" });
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(typeof conf === "string" ? conf : JSON.stringify(conf));
    return collect(child);
  }

  /** One execution for a whole network (GC, STATUS), with the environment that the reference library gives it. */
  async ofNetwork(command: "GC" | "STATUS", conf: unknown, plugin = "ocicat"): Promise<Output> {
    const none = { CNI_CONTAINERID: "", CNI_NETNS: "", CNI_IFNAME: "", CNI_ARGS: "" };
    const env = { PATH: process.env["PATH"] ?? "", CNI_COMMAND: command, CNI_PATH: "/opt/cni/bin", ...none };
    const child = this.#lab.lab.spawn(this.#node, [`/opt/cni/bin/${plugin}`], { env, stdio: "pipe" });
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(JSON.stringify(conf));
    return await collect(child);
  }

  /** The result's first address, without its length. Throws on a failure. */
  async add(attachment: Attachment): Promise<string> {
    const { code, stdout } = await this.exec("ADD", attachment);
    if (code !== 0) throw new Error(`ADD: exit ${code}: ${stdout}`);
    const { ips } = JSON.parse(stdout) as { ips: readonly { readonly address: string }[] };
    return ips[0]?.address.split("/")[0] ?? "";
  }

  async del(attachment: Attachment): Promise<void> {
    const { code, stdout } = await this.exec("DEL", attachment);
    if (code !== 0) throw new Error(`DEL: exit ${code}: ${stdout}`);
  }

  /** A runtime of whole lists, with Debian's plugins. */
  runtime(): CniRuntime {
    const disk = this.#lab.places.nodeDisk(this.#node);
    const exec: Exec = async (command, { env, stdin }) => {
      const child = this.#lab.lab.spawn(this.#node, [command], {
        env: { PATH: process.env["PATH"], ...env },
        stdio: "pipe",
      });
      child.stdin?.on("error", () => undefined);
      child.stdin?.end(stdin);
      return await collect(child);
    };
    return new CniRuntime({
      pluginDirs: [join(disk, "opt/upper/cni/bin"), "/usr/lib/cni"],
      cacheDir: join(disk, "cache"),
      exec,
    });
  }

  async state(): Promise<NodeState> {
    const lines = async (...command: [string, ...string[]]) =>
      (await this.#lab.out(this.#node, ...command))
        .split("\n")
        .map((line) => line.trim())
        .filter((line) => line !== "");
    const guard = (await lines("nft", "list", "set", "inet", "ocicat-guard", "known")).join(" ");
    return {
      links: (await lines("ip", "-o", "link")).map((line) => line.split(":")[1]?.trim() ?? ""),
      routes: await lines("ip", "-4", "route"),
      known: [...guard.matchAll(/"(cali[0-9a-f]+)"/g)].map((match) => match[1] ?? "").sort(),
      qdiscs: (await lines("tc", "qdisc")).map((line) => line.split(" ").slice(1, 5).join(" ")),
      nat: (await lines("iptables-save", "-t", "nat")).filter((line) => /CNI-(DN|SN)-/.test(line)),
    };
  }
}
