import { existsSync } from "node:fs";
import { configError } from "./errors.ts";
import { parseServer, type Target } from "./target.ts";

/** Where kubelet puts a pod's token, and the certificate to know the API server by. It writes a new token before the old ends. */
export const SERVICE_ACCOUNT_DIR = "/var/run/secrets/kubernetes.io/serviceaccount";

type Environment = Readonly<Record<string, string | undefined>>;

/** For a process in a pod. Throws OcicatError KUBERNETES_CONFIG outside of one. */
export function inClusterTarget(env: Environment, directory: string = SERVICE_ACCOUNT_DIR): Target {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  const fix = "run it in a pod, or name a kubeconfig in KUBECONFIG";
  if (!host || !port) {
    throw configError("KUBERNETES_SERVICE_HOST", "is not set, so this is no pod of a cluster", fix);
  }
  const server = parseServer(`https://${host.includes(":") ? `[${host}]` : host}:${port}`);
  if (server === undefined) throw configError("KUBERNETES_SERVICE_HOST", `"${host}:${port}" is not an address`, fix);
  const token = `${directory}/token`;
  if (!existsSync(token)) {
    throw configError(token, "is not there", "give the pod a service account, and let its token be mounted");
  }
  return {
    server,
    serverName: undefined,
    isInsecure: false,
    ca: { file: `${directory}/ca.crt` },
    certificate: undefined,
    token: { file: token },
    source: `the pod's service account in ${directory}`,
  };
}
