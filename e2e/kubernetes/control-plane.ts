/**
 * A control plane by itself: etcd and the API server (with --controllers also the controller manager, with --scheduler also
 * the scheduler) on ports of its own of this machine's loopback. Any number side by side. It says where its kubeconfig is and
 * runs until Ctrl-C or SIGTERM; nothing of it is left then.
 *
 *     node --conditions=source e2e/kubernetes/control-plane.ts [--controllers] [--scheduler]
 */
import { once } from "node:events";
import { parseArgs } from "node:util";
import { PrivateControlPlane } from "@ocicat/lab/kubernetes";

const { values } = parseArgs({ options: { controllers: { type: "boolean" }, scheduler: { type: "boolean" } } });
const plane = await PrivateControlPlane.start(values);
process.stdout.write(
  [
    `export KUBECONFIG=${plane.kubeconfig}`,
    `# API server  ${plane.plane.server}`,
    `# etcd        ${plane.etcdEndpoint}`,
    `# logs        ${plane.directory}/log`,
    "",
  ].join("\n"),
);
await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM"), once(process, "SIGHUP")]);
await plane.stop();
process.exit(0);
