/** The daemons that are measured, each as a reflector for the same clients, without routes in the kernel. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatAddress } from "@ocicat/net";
import { AS, CLIENTS, clientAddress, PORT, REFLECTOR } from "./plan.ts";

export type DaemonName = "Ocicat" | "BIRD" | "FRR" | "GoBGP";

interface Daemon {
  readonly program: string;
  /** Configuration, by file name. */
  readonly config: string;
  readonly command: (directory: string, config: string) => readonly string[];
}

const CLIENT_ADDRESSES = Array.from({ length: CLIENTS }, (_, index) => formatAddress(clientAddress(index)));

export const DAEMONS: Readonly<Record<DaemonName, Daemon>> = {
  Ocicat: {
    program: process.execPath,
    config: "",
    command: () => [process.execPath, join(import.meta.dirname, "reflector.ts")],
  },
  BIRD: {
    program: "/usr/sbin/bird",
    config: `router id ${REFLECTOR};
log stderr { warning, error, fatal, bug };
protocol device {}
protocol static { ipv4; route 10.77.0.0/24 via "bench"; }
template bgp reflected {
  local ${REFLECTOR} port ${PORT} as ${AS};
  neighbor port ${PORT} internal;
  multihop; passive on; rr client; graceful restart off;
  ipv4 { import all; export where source = RTS_BGP; };
}
${CLIENT_ADDRESSES.map((address, index) => `protocol bgp c${index} from reflected { neighbor ${address}; }`).join("\n")}
`,
    command: (directory, config) => ["/usr/sbin/bird", "-f", "-c", config, "-s", join(directory, "bird.ctl")],
  },
  FRR: {
    program: "/usr/lib/frr/bgpd",
    config: `router bgp ${AS}
 bgp router-id ${REFLECTOR}
 bgp cluster-id ${REFLECTOR}
 no bgp graceful-restart
 neighbor c peer-group
 neighbor c remote-as ${AS}
 neighbor c passive
${CLIENT_ADDRESSES.map((address) => ` neighbor ${address} peer-group c`).join("\n")}
 address-family ipv4 unicast
  neighbor c route-reflector-client
 exit-address-family
`,
    command: (directory, config) => [
      "/usr/lib/frr/bgpd",
      "--no_zebra",
      "--no_kernel",
      "--skip_runas",
      "-p",
      String(PORT),
      "-l",
      REFLECTOR,
      "-P",
      "0",
      "-f",
      config,
      "-i",
      join(directory, "bgpd.pid"),
      "--vty_socket",
      directory,
    ],
  },
  GoBGP: {
    program: "/usr/bin/gobgpd",
    config: `[global.config]
  as = ${AS}
  router-id = "${REFLECTOR}"
  port = ${PORT}
  local-address-list = ["${REFLECTOR}"]
${CLIENT_ADDRESSES.map(
  (address) => `[[neighbors]]
  [neighbors.config]
    neighbor-address = "${address}"
    peer-as = ${AS}
  [neighbors.transport.config]
    passive-mode = true
  [neighbors.route-reflector.config]
    route-reflector-client = true
    route-reflector-cluster-id = "${REFLECTOR}"`,
).join("\n")}
`,
    command: (_directory, config) => [
      "/usr/bin/gobgpd",
      "-f",
      config,
      "--api-hosts",
      "127.0.0.1:50051",
      "--pprof-disable",
    ],
  },
};

/** A daemon that runs in a namespace and listens. */
export async function withDaemon<T>(
  name: DaemonName,
  namespace: string,
  work: (pid: number) => Promise<T>,
): Promise<T> {
  const { program, config, command } = DAEMONS[name];
  if (!existsSync(program)) throw new Error(`${name} is missing: sh tools/setup.sh`);
  const directory = mkdtempSync(join(tmpdir(), "oct-bench-bgp-"));
  const file = join(directory, "daemon.conf");
  writeFileSync(file, config);
  // No program between us and the daemon: the process that is measured is the one that was started.
  const words = ["netns", "exec", namespace, "setpriv", "--pdeathsig", "KILL", ...command(directory, file)];
  const child = spawn("ip", words, { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr?.on("data", (bytes) => {
    log += String(bytes);
  });
  try {
    if (child.pid === undefined) throw new Error(`${name} did not start`);
    await listening(name, namespace, child, () => log);
    return await work(child.pid);
  } catch (error) {
    throw new Error(`${name}: ${String(error)}\n${log.slice(-2000)}`, { cause: error });
  } finally {
    if (child.exitCode === null) {
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    }
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A connection to see whether it listens would be a session: the kernel's table tells as well. */
async function listening(name: DaemonName, namespace: string, child: ChildProcess, log: () => string): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}: ${log()}`);
    const sockets = execFileSync("ip", ["netns", "exec", namespace, "ss", "-Hltn", `sport = :${PORT}`], {
      encoding: "utf8",
    });
    if (sockets.includes(`:${PORT}`)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${name} does not listen on port ${PORT}`);
}
