import { execFileSync } from "node:child_process";
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
      names: ["pause:3.10", "pause:3.10.1"],
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

/**
 * What Kubernetes' own tests expect of agnhost and beside it, too large to be in every cluster: tools that ask for names, and a
 * certificate that nobody checks.
 */
export function upstreamTestImage(programs: string): ImageDefinition {
  const names = ["e2e-test-images/jessie-dnsutils:1.7", "e2e-test-images/agnhost:2.59"];
  return { names, layers: [agnhost(programs), dnsTools, localhostCertificate], config: AGNHOST };
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

function dnsTools(root: string): void {
  putProgram(root, "/usr/bin/dig", "/usr/bin/dig");
  putProgram(root, "/usr/bin/getent", "/usr/bin/getent");
  mkdirSync(join(root, "etc"), { recursive: true });
  writeFileSync(join(root, "etc/nsswitch.conf"), "hosts: files dns\n");
}

function localhostCertificate(root: string): void {
  const [key, certificate] = [join(root, "localhost.key"), join(root, "localhost.crt")];
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key];
  execFileSync("openssl", ["req", "-x509", ...newKey, "-subj", "/CN=localhost", "-days", "3650", "-out", certificate], {
    stdio: "pipe",
  });
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
