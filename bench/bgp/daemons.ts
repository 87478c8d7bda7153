/** The daemons that are measured, each as a reflector for the same clients, without routes in the kernel. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatAddress } from "@ocicat/net";
import { AS, clientAddress, FILTER, PORT, REFLECTOR, type Setup } from "./plan.ts";

export type DaemonName = "Ocicat" | "BIRD" | "FRR" | "GoBGP";
export const DAEMON_NAMES: readonly DaemonName[] = ["Ocicat", "BIRD", "FRR", "GoBGP"];

interface Daemon {
  readonly program: string;
  /** Configuration, by file name. */
  readonly config: (setup: Setup) => string;
  readonly command: (directory: string, config: string, setup: Setup) => readonly string[];
}

const DAEMONS: Readonly<Record<DaemonName, Daemon>> = {
  Ocicat: {
    program: process.execPath,
    config: () => "",
    command: (_directory, _config, setup) => [
      process.execPath,
      join(import.meta.dirname, "reflector.ts"),
      JSON.stringify(setup),
    ],
  },
  BIRD: {
    program: "/usr/sbin/bird",
    config: (setup) => `router id ${REFLECTOR};
log stderr { warning, error, fatal, bug };
protocol device {}
protocol static { ipv4; route 10.77.0.0/24 via "bench"; }
filter bench {
${FILTER.map(({ action, network, minLength, maxLength }) => `  if net ~ [ ${network}{${minLength},${maxLength}} ] then ${action};`).join("\n")}
}
template bgp reflected {
  local ${REFLECTOR} port ${PORT} as ${AS};
  neighbor port ${PORT} internal;
  multihop; passive on; rr client; graceful restart off;
  ipv4 { ${setup.filtered ? "import filter bench; export filter bench;" : "import all; export where source = RTS_BGP;"} };
}
${addresses(setup)
  .map((address, index) => `protocol bgp c${index} from reflected { neighbor ${address}; }`)
  .join("\n")}
`,
    command: (directory, config) => ["/usr/sbin/bird", "-f", "-c", config, "-s", join(directory, "bird.ctl")],
  },
  FRR: {
    program: "/usr/lib/frr/bgpd",
    config: (setup) => `${FILTER.map(
      ({ action, network, minLength, maxLength }, index) =>
        `ip prefix-list bench seq ${index + 1} ${action === "accept" ? "permit" : "deny"} ${network}${frrLengths(network, minLength, maxLength)}`,
    ).join("\n")}
router bgp ${AS}
 bgp router-id ${REFLECTOR}
 bgp cluster-id ${REFLECTOR}
 no bgp graceful-restart
 neighbor c peer-group
 neighbor c remote-as ${AS}
 neighbor c passive
${addresses(setup)
  .map((address) => ` neighbor ${address} peer-group c`)
  .join("\n")}
 address-family ipv4 unicast
  neighbor c route-reflector-client
${setup.filtered ? "  neighbor c prefix-list bench in\n  neighbor c prefix-list bench out\n" : ""} exit-address-family
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
    config: (setup) => {
      if (setup.filtered) throw new Error("GoBGP is not measured with a filter");
      return `[global.config]
  as = ${AS}
  router-id = "${REFLECTOR}"
  port = ${PORT}
  local-address-list = ["${REFLECTOR}"]
${addresses(setup)
  .map(
    (address) => `[[neighbors]]
  [neighbors.config]
    neighbor-address = "${address}"
    peer-as = ${AS}
  [neighbors.transport.config]
    passive-mode = true
  [neighbors.route-reflector.config]
    route-reflector-client = true
    route-reflector-cluster-id = "${REFLECTOR}"`,
  )
  .join("\n")}
`;
    },
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

function addresses({ clients }: Setup): string[] {
  return Array.from({ length: clients }, (_, index) => formatAddress(clientAddress(index)));
}

/** FRR wants "ge" to be more than the network's own length, and "le" not to be said twice. */
function frrLengths(network: string, minLength: number, maxLength: number): string {
  const own = Number(network.split("/")[1]);
  return `${minLength > own ? ` ge ${minLength}` : ""} le ${maxLength}`;
}

/** A daemon that runs in a namespace and listens. */
export async function withDaemon<T>(
  name: DaemonName,
  namespace: string,
  setup: Setup,
  work: (pid: number) => Promise<T>,
): Promise<T> {
  const { program, config, command } = DAEMONS[name];
  if (!existsSync(program)) throw new Error(`${name} is missing: sh tools/setup.sh`);
  const directory = mkdtempSync(join(tmpdir(), "oct-bench-bgp-"));
  const file = join(directory, "daemon.conf");
  writeFileSync(file, config(setup));
  // No program between us and the daemon: the process that is measured is the one that was started.
  const words = ["netns", "exec", namespace, "setpriv", "--pdeathsig", "KILL", ...command(directory, file, setup)];
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
