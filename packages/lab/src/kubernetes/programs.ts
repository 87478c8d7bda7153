import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { OcicatError } from "@ocicat/kit";

/** Kubernetes' own programs, and what its tests run in pods. */
export const PROGRAMS = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kubelet",
  "kube-proxy",
  "kubectl",
] as const;

export type KubernetesProgram = (typeof PROGRAMS)[number];

/** Where tools/kubernetes/build.sh puts what it builds. */
const BUILT = "/var/cache/ocicat/kubernetes";

/**
 * The directory of Kubernetes' programs: the one that OCICAT_KUBERNETES names, else what was built on this machine. Throws
 * OcicatError LAB_NO_KUBERNETES.
 */
export function findKubernetes(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const directory = env["OCICAT_KUBERNETES"] || BUILT;
  const missing = PROGRAMS.filter((program) => !existsSync(join(directory, program)));
  if (missing.length === 0) return realpathSync(directory);
  throw new OcicatError({
    code: "LAB_NO_KUBERNETES",
    where: directory,
    what: `there is no ${missing.join(", ")}`,
    fix: "build them, once, in some ten minutes: sh tools/kubernetes/build.sh; or set OCICAT_KUBERNETES to a directory that has them",
  });
}
