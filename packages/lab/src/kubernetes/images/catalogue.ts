import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DNS_IMAGE } from "../dns.ts";
import { putFile, putLink, putProgram } from "./files.ts";
import type { ImageDefinition } from "./image-store.ts";

const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What the walk-throughs' deployments and Kubernetes' own tests run, made of this machine's programs. */
export function commonImages(programs: string): readonly ImageDefinition[] {
  return [
    {
      names: ["pause:3.10"],
      layers: [(root) => putFile(root, join(programs, "pause"), "/pause")],
      config: { Entrypoint: ["/pause"] },
    },
    { names: ["library/busybox:latest"], layers: [busybox("sh")], config: { Cmd: ["sh"], Env: [PATH] } },
    {
      names: [DNS_IMAGE],
      layers: [(root) => putFile(root, join(programs, "coredns"), "/coredns")],
      config: { Entrypoint: ["/coredns"] },
    },
    { names: ["e2e-test-images/agnhost:2.59"], layers: [agnhost(programs)], config: AGNHOST },
    { names: ["e2e-test-images/agnhost:2.45"], layers: [agnhost(programs), withoutSctp], config: AGNHOST },
  ];
}

/** By the versions that Kubernetes' and the network policy API's tests ask for. */
const AGNHOST = { Entrypoint: ["/agnhost"], Cmd: ["pause"], Env: [PATH] };

/** Debian's, in one file, under the names of what is typed in walk-throughs. */
const APPLETS =
  "arp cat echo env false grep head hostname id ifconfig ip kill ls mkdir nslookup ping ps rm sed seq sleep tail test timeout top touch traceroute true udhcpc uname vi wc wget";

function busybox(...more: readonly string[]) {
  return (root: string) => {
    putFile(root, "/usr/bin/busybox", "/bin/busybox");
    for (const applet of [...APPLETS.split(" "), ...more]) putLink(root, "busybox", `/bin/${applet}`);
    makeDirectories(root);
  };
}

/** As upstream's: its tests run shell scripts, curl and netcat in it. busybox's shell would run its own applets instead. */
function agnhost(programs: string) {
  return (root: string) => {
    busybox()(root);
    putFile(root, join(programs, "agnhost"), "/bin/agnhost-program");
    putLink(root, "bin/agnhost-program", "/agnhost");
    putFile(root, "/usr/bin/bash-static", "/bin/bash");
    putLink(root, "bash", "/bin/sh");
    putProgram(root, "/usr/bin/curl", "/usr/bin/curl");
    putProgram(root, "/usr/bin/nc.openbsd", "/bin/nc");
    putProgram(root, "/usr/bin/iperf3", "/usr/bin/iperf3");
  };
}

/** Where the kernel has no SCTP sockets, a server of them ends at once, and its pod, with others' ports, is never ready. */
function withoutSctp(root: string): void {
  const script = [
    "#!/bin/bash",
    'if [ "$1" = porter ] && compgen -e SERVE_SCTP_PORT_ >/dev/null && ! [ -e /proc/net/sctp ]; then',
    "  exec /bin/agnhost-program pause",
    "fi",
    'exec /bin/agnhost-program "$@"',
  ];
  writeFileSync(join(root, "agnhost"), `${script.join("\n")}\n`, { mode: 0o755 });
}

function makeDirectories(root: string): void {
  for (const directory of ["tmp", "etc", "root", "var", "proc", "sys", "dev"])
    mkdirSync(join(root, directory), { recursive: true, mode: directory === "tmp" ? 0o1777 : 0o755 });
}
