import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { bindMount, mount, openNamespace, setPropagation, withNamespaces } from "@ocicat/linux";
import { inMountNamespace } from "../../world/namespaces.ts";
import { nodeLayer } from "../../world/node-files.ts";
import type { LabPlaces } from "../../world/places.ts";

/** Debian's reference plugins, which a node has beside the network's own. */
const REFERENCE_PLUGINS = "/usr/lib/cni";

/** Containers' file systems are overlays, and the kernel lays none over another: these are the disk's own. */
const ON_DISK = ["/var/lib/containerd", "/var/lib/kubelet"] as const;

/**
 * What kubelet sets of the whole machine when it starts, and is content with if it finds it so: it finds files with these
 * values, and the machine stays as it is.
 */
export const PRETENDED_SYSCTLS: Readonly<Record<string, string>> = {
  "vm/overcommit_memory": "1",
  "vm/panic_on_oom": "0",
  "kernel/panic": "10",
  "kernel/panic_on_oops": "1",
  "kernel/keys/root_maxkeys": "1000000",
  "kernel/keys/root_maxbytes": "25000000",
};

/** Puts a node's configuration into its layers, before they are mounted. */
export function writeNodeFiles(places: LabPlaces, node: string, files: Readonly<Record<string, string>>): void {
  const etc = nodeLayer(places, node, "/etc");
  for (const [path, text] of Object.entries(files)) {
    const file = join(etc, path.slice("/etc".length));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  mkdirSync(join(etc, "kubernetes/manifests"), { recursive: true });
  const pretended = pretendedDirectory(places, node);
  for (const [name, value] of Object.entries(PRETENDED_SYSCTLS)) {
    mkdirSync(dirname(join(pretended, name)), { recursive: true });
    writeFileSync(join(pretended, name), `${value}\n`);
  }
}

export function pretendedDirectory(places: LabPlaces, node: string): string {
  return join(places.nodeDisk(node), "sysctl");
}

/** A node's view of the file system, further than any lab's node has it: what containers are made of. */
export function makeKubernetesMounts(places: LabPlaces, node: string): void {
  using net = openNamespace(places.netns(node));
  using view = openNamespace(places.mountns(node));
  withNamespaces({ net, mount: view }, () => {
    for (const target of ON_DISK) {
      const source = join(places.nodeDisk(node), target.slice(1).replaceAll("/", "-"));
      for (const directory of [source, target]) mkdirSync(directory, { recursive: true });
      bindMount(source, target);
    }
    shareMounts();
  });
}

/** What a machine has on its disk before a network is installed: the reference plugins, and no configuration. Once, after its mounts. */
export function makeBareNetwork(places: LabPlaces, node: string): void {
  inMountNamespace(places, node, () => {
    // The machine may have some; a node without a network has none.
    rmSync("/etc/cni", { recursive: true, force: true });
    mkdirSync("/opt/cni/bin", { recursive: true });
    for (const plugin of ["bandwidth", "bridge", "host-local", "loopback", "portmap", "ptp"]) {
      if (existsSync(join(REFERENCE_PLUGINS, plugin)) && !existsSync(join("/opt/cni/bin", plugin)))
        symlinkSync(join(REFERENCE_PLUGINS, plugin), join("/opt/cni/bin", plugin));
    }
  });
}

/** A privileged pod's mounts must reach its node: all are shared, with nobody else than the node's own. */
function shareMounts(): void {
  mount({ source: "shm", target: "/dev/shm", type: "tmpfs", flags: ["nosuid", "nodev"], data: "mode=1777" });
  setPropagation("/", "shared", { recursive: true });
}
