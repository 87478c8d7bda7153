/**
 * `npm run demo`: brings the first-light network up on this machine and shows it from the live system.
 * With --check (as `npm test` calls it) it also takes the lab down again, unless it was up before, and fails if anything is
 * left behind.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const OCICAT = fileURLToPath(new URL("../packages/cli/bin/ocicat.js", import.meta.url));
const check = process.argv.includes("--check");
let failures = 0;

interface Exhibit {
  readonly title: string;
  readonly shown: string;
  readonly command: readonly string[];
  /** What must be seen for the demo to have worked. */
  readonly expect: RegExp;
}

const ocicat = (...args: string[]) => [process.execPath, OCICAT, ...args];
const inside = (where: string, ...args: string[]) => ocicat("lab", "exec", where, "--", ...args);

const EXHIBITS: readonly Exhibit[] = [
  {
    title: "The nodes, with the cluster's AS number",
    shown: "ocicat get node -o wide",
    command: ocicat("get", "node", "-o", "wide"),
    expect: /node2\s+\(64512\)\s+192\.168\.0\.82\/24/,
  },
  {
    title: "The pool: no encapsulation, masqueraded towards the outside",
    shown: "ocicat get ippool -o wide",
    command: ocicat("get", "ippool", "-o", "wide"),
    expect: /default-ipv4-ippool\s+10\.244\.0\.0\/16\s+true\s+Never\s+Never/,
  },
  {
    title: "The BGP mesh, as master sees it",
    shown: "ocicat lab exec master -- ocicat node status",
    command: inside("master", ...ocicat("node", "status")),
    expect: /192\.168\.0\.82 \| node-to-node mesh \| up\s+\| [\d:]+ \| Established/,
  },
  {
    title: "The pods",
    shown: "ocicat get workloadendpoints",
    command: ocicat("get", "workloadendpoints"),
    expect: /pod2\s+node2\s+10\.244\.\d+\.\d+\/32\s+cali[0-9a-f]{11}/,
  },
  {
    title: "Blocks of 64 addresses, one a node",
    shown: "ocicat ipam show --show-blocks",
    command: ocicat("ipam", "show", "--show-blocks"),
    expect: /Block\s+\| 10\.244\./,
  },
  {
    title: "node1's routes: its block as a black hole, its pods, the other nodes' blocks learned by BGP",
    shown: "ocicat lab exec node1 -- ip route",
    command: inside("node1", "ip", "route"),
    expect: /blackhole 10\.244\.\d+\.\d+\/26 proto bird/,
  },
  {
    title: "A pod's routes: everything through 169.254.1.1, which is nowhere",
    shown: "ocicat lab exec pod1 -- ip route",
    command: inside("pod1", "ip", "route"),
    expect: /default via 169\.254\.1\.1 dev eth0/,
  },
];

function run(command: readonly string[]): { readonly code: number; readonly output: string } {
  const [program = "", ...args] = command;
  const result = spawnSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  return { code: result.status ?? 1, output: `${result.stdout}${result.stderr}` };
}

function show(title: string, shown: string, command: readonly string[], expect: RegExp): string {
  const { code, output } = run(command);
  process.stdout.write(`\n${title}\n$ ${shown}\n${output.trimEnd()}\n`);
  if (code !== 0 || !expect.test(output)) {
    failures += 1;
    process.stderr.write(`demo: this is not what was expected (exit code ${code}, wanted ${String(expect)})\n`);
  }
  return output;
}

function addressOf(pod: string): string {
  const row = run(ocicat("get", "workloadendpoints"))
    .output.split("\n")
    .find((line) => line.startsWith(`${pod} `));
  return /(\d+\.\d+\.\d+\.\d+)\/32/.exec(row ?? "")?.[1] ?? "unknown";
}

function ping(from: string, to: string, address: string, title: string, expect: RegExp): void {
  show(
    title,
    `ocicat lab exec ${from} -- ping -c 1 ${address}   # ${to}`,
    inside(from, "ping", "-c", "1", "-W", "2", address),
    expect,
  );
}

function up(): boolean {
  const result = spawnSync(process.execPath, [OCICAT, "lab", "up"], { stdio: "inherit" });
  return result.status === 0;
}

function checkNothingIsLeft(): void {
  const down = run(ocicat("lab", "down"));
  process.stdout.write(`\n$ ocicat lab down\n${down.output}`);
  const left = [
    [
      "namespaces",
      run(["ip", "netns", "list"])
        .output.split("\n")
        .filter((line) => line.startsWith("ocicat.")),
    ],
    [
      "processes",
      run(["pgrep", "-af", OCICAT])
        .output.split("\n")
        .filter((line) => / (agent|datastore)\b/.test(line)),
    ],
    [
      "mounts",
      run(["grep", "ocicat", "/proc/self/mounts"])
        .output.split("\n")
        .filter((line) => line !== ""),
    ],
    [
      "files",
      run(["ls", "-d", "/run/ocicat-lab/ocicat", "/var/tmp/ocicat-lab/ocicat"])
        .output.split("\n")
        .filter((line) => line.startsWith("/")),
    ],
  ] as const;
  for (const [what, lines] of left) {
    if (lines.length === 0) continue;
    failures += 1;
    process.stderr.write(`demo: ${what} left behind:\n${lines.join("\n")}\n`);
  }
  if (down.code !== 0) failures += 1;
}

const wasUp = run(ocicat("lab", "status", "--name", "ocicat")).code === 0;
if (!up()) process.exit(1);
for (const exhibit of EXHIBITS) show(exhibit.title, exhibit.shown, exhibit.command, exhibit.expect);
const pod2 = addressOf("pod2");
ping("pod1", "pod3, on the same node: one router between", addressOf("pod3"), "Same node: TTL 63", /ttl=63/);
ping("pod1", "pod2, on node2: two routers between", pod2, "Across nodes, un-encapsulated: TTL 62", /ttl=62/);
ping("pod1", "a host outside, masqueraded as node1", "203.0.113.10", "Outside", /1 received/);
show(
  "Who answered pod1's ARP question",
  "ocicat lab exec pod1 -- ip neigh",
  inside("pod1", "ip", "neigh"),
  /169\.254\.1\.1 dev eth0 lladdr ee:ee:ee:ee:ee:ee/,
);
show(
  "Why node1 sends packets for pod2 where it does",
  `ocicat lab exec node1 -- ocicat routes why ${pod2}`,
  inside("node1", ...ocicat("routes", "why", pod2)),
  /learned by BGP from node2/,
);
if (check && !wasUp) checkNothingIsLeft();
else {
  process.stdout.write(`
The lab is running. Explore it:  npx ocicat lab list; npx ocicat lab exec node1 -- bash
Run another pod:                 npx ocicat lab run web --node node2
Take it down:                    npx ocicat lab down
`);
}
process.exitCode = failures === 0 ? 0 : 1;
