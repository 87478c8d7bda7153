/**
 * `npm run demo:kubernetes`: a real Kubernetes cluster on this machine, with Ocicat installed by its own manifest, and what the
 * walk-through "Life of a Packet in Kubernetes" looks at. With --check it also takes the lab down again, unless it was up before.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { openLab } from "@ocicat/lab";
import type { KubernetesLab } from "@ocicat/lab/kubernetes";

const OCICAT = fileURLToPath(new URL("../packages/cli/bin/ocicat.js", import.meta.url));
const DEPLOYMENT = fileURLToPath(new URL("../e2e/kubernetes/support/busybox-deployment.yaml", import.meta.url));
const NAME = "kubernetes";
const check = process.argv.includes("--check");
let failures = 0;

interface Exhibit {
  readonly title: string;
  readonly shown: string;
  readonly command: readonly [string, ...string[]];
  /** What must be seen for the demo to have worked. */
  readonly expect: RegExp;
}

const wasUp = openLab(NAME, () => undefined).state() === "ready";
const up = spawnSync(process.execPath, [OCICAT, "lab", "up", "--kubernetes", "--name", NAME], { stdio: "inherit" });
if (up.status !== 0) process.exit(up.status ?? 1);

const lab = openLab(NAME, () => undefined).kubernetes();
const kubectl = (...args: string[]): [string, ...string[]] => [`${lab.programs}/kubectl`, ...args];
const ocicat = (...args: string[]): [string, ...string[]] => [process.execPath, OCICAT, ...args];
const inside = (where: string, ...args: string[]) => ocicat("lab", "exec", "--name", NAME, where, "--", ...args);

await lab.kubectl(["apply", "-f", DEPLOYMENT]);
await lab.kubectl(["wait", "--for=condition=Available", "deployment/busybox-deployment", "--timeout=120s"]);
await lab.kubectl(["wait", "--for=condition=Available", "-n", "kube-system", "deployment", "--all", "--timeout=120s"]);
for (const exhibit of exhibits(await busyboxes(lab))) show(exhibit);

if (check && !wasUp) spawnSync(process.execPath, [OCICAT, "lab", "down", "--name", NAME], { stdio: "inherit" });
else
  process.stdout.write(`
The cluster is running. Explore it:  export KUBECONFIG=${lab.kubeconfig} PATH=$PATH:${lab.programs}; kubectl get pods -A -o wide
Look into a node:                    npx ocicat lab exec --name ${NAME} node01 -- bash
Take it down:                        npx ocicat lab down --name ${NAME}
`);
process.exitCode = failures === 0 ? 0 : 1;

interface Busybox {
  readonly name: string;
  readonly ip: string;
}

/** The deployment's pods, that of the node "controlplane" first. */
async function busyboxes(cluster: KubernetesLab): Promise<readonly [Busybox, Busybox]> {
  const path = "{range .items[*]}{.spec.nodeName} {.metadata.name} {.status.podIP}{'\\n'}{end}";
  const text = await cluster.kubectl(["get", "pods", "-l", "app=busybox", "-o", `jsonpath=${path}`]);
  const [first, second] = text
    .trim()
    .split("\n")
    .sort()
    .map((line) => line.split(" "))
    .map(([, name = "", ip = ""]) => ({ name, ip }));
  if (first === undefined || second === undefined) throw new Error(`two pods were to be there: ${text}`);
  return [first, second];
}

function exhibits([here, there]: readonly [Busybox, Busybox]): readonly Exhibit[] {
  return [
    {
      title: "The nodes",
      shown: "kubectl get nodes -o wide",
      command: kubectl("get", "nodes", "-o", "wide"),
      expect: /node01\s+Ready\s/,
    },
    {
      title: "The pods: the network's own, the cluster's DNS, and the walk-through's deployment",
      shown: "kubectl get pods -A -o wide",
      command: kubectl("get", "pods", "-A", "-o", "wide"),
      expect: /busybox-deployment-\S+\s+1\/1\s+Running[^\n]*192\.168\.196\.\d+\s+node01/,
    },
    {
      title: "Their endpoints, as the network knows them",
      shown: "DATASTORE_TYPE=kubernetes ocicat get workloadendpoints",
      command: ocicat("get", "workloadendpoints"),
      expect: new RegExp(`${there.name}\\s+node01\\s+${there.ip}/32\\s+cali[0-9a-f]{11}`),
    },
    {
      title: "The BGP mesh, as node01 sees it",
      shown: "ocicat lab exec node01 -- ocicat node status",
      command: inside("node01", ...ocicat("node", "status")),
      expect: /172\.17\.0\.32 +\| node-to-node mesh \| up +\| [\d:]+ +\| Established/,
    },
    {
      title: "node01's routes: its block as a black hole, its pods, the other node's block learned by BGP",
      shown: "ocicat lab exec node01 -- ip route",
      command: inside("node01", "ip", "route"),
      expect: /192\.168\.49\.64\/26 via 172\.17\.0\.32 dev ens3 proto bird/,
    },
    {
      title: "A pod's routes: everything through 169.254.1.1, which is nowhere",
      shown: `kubectl exec ${here.name} -- ip route`,
      command: kubectl("exec", here.name, "--", "ip", "route"),
      expect: /default via 169\.254\.1\.1 dev eth0/,
    },
    {
      title: "From one node's pod to the other's",
      shown: `kubectl exec ${here.name} -- ping -c 1 ${there.ip}`,
      command: kubectl("exec", here.name, "--", "ping", "-c", "1", there.ip),
      expect: /1 packets received/,
    },
    {
      title: "The cluster's names",
      shown: `kubectl exec ${here.name} -- nslookup kubernetes.default.svc.cluster.local`,
      command: kubectl("exec", here.name, "--", "nslookup", "kubernetes.default.svc.cluster.local"),
      expect: /Address.*10\.96\.0\.1\b/,
    },
  ];
}

function show({ title, shown, command: [program, ...args], expect }: Exhibit): void {
  const env = { ...process.env, KUBECONFIG: lab.kubeconfig, DATASTORE_TYPE: "kubernetes" };
  const result = spawnSync(program, args, { encoding: "utf8", env });
  process.stdout.write(`\n# ${title}\n$ ${shown}\n${result.stdout}${result.stderr}`);
  if (result.status === 0 && expect.test(result.stdout)) return;
  failures += 1;
  process.stdout.write(`this was not what was to be seen: ${expect}\n`);
}
