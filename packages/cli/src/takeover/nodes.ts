import { isObject } from "@ocicat/api";
import { OcicatError } from "@ocicat/kit";
import type { ApiClient, ApiObject, ApiResource } from "@ocicat/kubernetes";

/** The label of a node that is Ocicat's, while others are Calico's still. */
export const OURS = "network.ocicat.io/agent";

const NODES: ApiResource = { group: "", version: "v1", plural: "nodes", namespaced: false };
const PODS: ApiResource = { group: "", version: "v1", plural: "pods", namespaced: true };
const DAEMON_SETS: ApiResource = { group: "apps", version: "v1", plural: "daemonsets", namespaced: true };
const DEPLOYMENTS: ApiResource = { group: "apps", version: "v1", plural: "deployments", namespaced: true };

/** Where Calico's manifests and its operator have it. */
const CALICO = { name: "calico-node", namespaces: ["kube-system", "calico-system"] };
const OWN = { name: "ocicat-node", namespace: "kube-system" };

export interface TakeOverOptions {
  readonly api: ApiClient;
  readonly tell: (line: string) => void;
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<void>;
  /** How long a node may take, in milliseconds. */
  readonly nodeMs: number;
}

/**
 * Which of Calico's and our DaemonSet runs on a node goes by one label:
 *
 *     label                     calico-node           ocicat-node
 *     none                      runs                  does not
 *     network.ocicat.io/agent   does not              runs
 *
 * Both hold the ports of BGP and of health: a moment at which both run there is not.
 */
export class NodeByNode {
  readonly #options: TakeOverOptions;

  constructor(options: TakeOverOptions) {
    this.#options = options;
  }

  /** All nodes, and whether they are ours. */
  async nodes(): Promise<readonly { readonly name: string; readonly isOurs: boolean }[]> {
    const { items } = await this.#options.api.list(NODES, {});
    return items.map(({ metadata: { name, labels } }) => ({ name, isOurs: isObject(labels) && OURS in labels }));
  }

  /** Throws OcicatError TAKE_OVER_SETUP if the cluster is not as a takeover needs it; then nothing was changed. */
  async prepare(): Promise<void> {
    await this.#checkOwn();
    await this.#checkOperator();
    const calico = await this.#calico();
    const changed = keepOff(calico);
    if (changed === undefined) return;
    const { name, namespace } = calico.metadata;
    await this.#options.api.patch(DAEMON_SETS, { namespace, name }, changed);
    this.#options.tell(`DaemonSet ${namespace}/${name}: keeps off nodes with the label ${OURS}; its pods run on`);
  }

  /** Resolves when the node is ours and ready. Throws OcicatError TAKE_OVER_NODE; the node is then as it was told. */
  async takeOver(node: string): Promise<void> {
    await this.#label(node, "true");
    await this.#until(node, OWN.name, `give it back: ocicat migrate calico back ${node}`);
    this.#options.tell(`${node}: taken over`);
  }

  /** Calico's node first, and our rules go when its own stand. */
  async giveBack(node: string): Promise<void> {
    await this.#label(node, null);
    await this.#until(node, CALICO.name, `see why: kubectl get pods -A -o wide --field-selector spec.nodeName=${node}`);
    await this.#removeRules(node);
    this.#options.tell(`${node}: given back`);
  }

  async #label(name: string, value: "true" | null): Promise<void> {
    await this.#options.api.patch(NODES, { namespace: undefined, name }, { metadata: { labels: { [OURS]: value } } });
  }

  /** Until the one DaemonSet's pod is ready on the node, and the other's is gone. */
  async #until(node: string, wanted: string, fix: string): Promise<void> {
    const { now, wait, nodeMs } = this.#options;
    const end = now() + nodeMs;
    for (;;) {
      const state = await this.#podsOn(node);
      const others = state.filter(({ app }) => app !== wanted);
      const own = state.find(({ app }) => app === wanted);
      if (own?.isReady === true && others.length === 0) return;
      if (now() > end) {
        const what = others.length > 0 ? `${others[0]?.app} is still there` : `${wanted} is not ready`;
        throw new OcicatError({
          code: "TAKE_OVER_NODE",
          where: `node ${node}`,
          what: `${what} after ${nodeMs / 1000} s`,
          why: own?.why,
          fix,
        });
      }
      await wait(500);
    }
  }

  async #podsOn(node: string) {
    const { items } = await this.#options.api.list(PODS, { fieldSelector: `spec.nodeName=${node}` });
    return items.flatMap((pod) => {
      const { labels } = pod.metadata;
      const app = isObject(labels) ? labels["k8s-app"] : undefined;
      if (app !== OWN.name && app !== CALICO.name) return [];
      return [
        {
          app,
          isReady: conditionOf(pod, "Ready") && pod.metadata["deletionTimestamp"] === undefined,
          why: whyNot(pod),
        },
      ];
    });
  }

  /** By a pod of our image there: only it has the kernel at hand. */
  async #removeRules(node: string): Promise<void> {
    const { api, now, wait, nodeMs } = this.#options;
    const own = await this.#own();
    const name = `ocicat-leave-${node}`.slice(0, 253);
    const place = { namespace: OWN.namespace, name };
    await api.create(PODS, OWN.namespace, leavingPod(name, node, imageOf(own)));
    const end = now() + nodeMs;
    try {
      for (;;) {
        const phase = (await api.get(PODS, place))?.["status"];
        const state = isObject(phase) ? phase["phase"] : undefined;
        if (state === "Succeeded") return;
        if (state === "Failed" || now() > end) {
          throw new OcicatError({
            code: "TAKE_OVER_NODE",
            where: `node ${node}`,
            what: "our rules could not be removed, and cut off pods that come from now on",
            fix: `on the node: ocicat uninstall --rules-only; its log: kubectl -n ${OWN.namespace} logs ${name}`,
          });
        }
        await wait(500);
      }
    } finally {
      await api.delete(PODS, place, {}).catch(() => undefined);
    }
  }

  async #own(): Promise<ApiObject> {
    const own = await this.#options.api.get(DAEMON_SETS, OWN);
    if (own !== undefined) return own;
    throw setup(`there is no DaemonSet ${OWN.namespace}/${OWN.name}`, "kubectl apply -f deploy/ocicat-migrate.yaml");
  }

  async #checkOwn(): Promise<void> {
    const template = podTemplate(await this.#own());
    const selector = isObject(template["nodeSelector"]) ? template["nodeSelector"] : {};
    if (OURS in selector) return;
    const what = `DaemonSet ${OWN.namespace}/${OWN.name} is not for nodes with the label ${OURS}`;
    throw setup(what, "apply deploy/ocicat-migrate.yaml, not ocicat.yaml, until all nodes are taken over");
  }

  async #calico(): Promise<ApiObject> {
    for (const namespace of CALICO.namespaces) {
      const found = await this.#options.api.get(DAEMON_SETS, { namespace, name: CALICO.name });
      if (found !== undefined) return found;
    }
    throw setup(
      `there is no DaemonSet ${CALICO.name} in ${CALICO.namespaces.join(" or ")}`,
      "Calico is not here; install",
    );
  }

  /** What an operator looks after it puts back. */
  async #checkOperator(): Promise<void> {
    const operator = await this.#options.api.get(DEPLOYMENTS, {
      namespace: "tigera-operator",
      name: "tigera-operator",
    });
    const spec = operator?.["spec"];
    if (!isObject(spec) || spec["replicas"] === 0) return;
    throw setup(
      "Calico's operator runs, and would undo what is changed",
      "kubectl -n tigera-operator scale deployment tigera-operator --replicas=0",
    );
  }
}

/**
 * The patch after which a DaemonSet keeps off nodes of ours, and after which its pods elsewhere are not made anew; undefined
 * if it does so already.
 */
function keepOff(daemonSet: ApiObject): object | undefined {
  const affinity = field(podTemplate(daemonSet), "affinity");
  const node = field(affinity, "nodeAffinity");
  const required = field(node, "requiredDuringSchedulingIgnoredDuringExecution");
  const given = required["nodeSelectorTerms"];
  const terms: readonly unknown[] = Array.isArray(given) && given.length > 0 ? given : [{}];
  if (JSON.stringify(terms).includes(OURS)) return undefined;
  const keepsOff = { key: OURS, operator: "DoesNotExist" };
  const nodeSelectorTerms = terms.filter(isObject).map((term) => {
    const expressions = term["matchExpressions"];
    return { ...term, matchExpressions: [...(Array.isArray(expressions) ? expressions : []), keepsOff] };
  });
  const requiredDuringSchedulingIgnoredDuringExecution = { nodeSelectorTerms };
  return {
    spec: {
      updateStrategy: { type: "OnDelete", rollingUpdate: null },
      template: { spec: { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution } } } },
    },
  };
}

function leavingPod(name: string, node: string, image: string): object {
  const mounts = { bin: "/opt/cni/bin", net: "/etc/cni/net.d", run: "/run/ocicat" };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: OWN.namespace },
    spec: {
      nodeName: node,
      hostNetwork: true,
      restartPolicy: "Never",
      automountServiceAccountToken: false,
      tolerations: [{ operator: "Exists" }],
      containers: [
        {
          name: "leave",
          image,
          imagePullPolicy: "IfNotPresent",
          args: ["uninstall", "--rules-only"],
          securityContext: { privileged: true },
          volumeMounts: Object.entries(mounts).map(([volume, mountPath]) => ({ name: volume, mountPath })),
        },
      ],
      volumes: Object.entries(mounts).map(([volume, path]) => ({ name: volume, hostPath: { path } })),
    },
  };
}

function imageOf(daemonSet: ApiObject): string {
  const containers = podTemplate(daemonSet)["containers"];
  const [first]: unknown[] = Array.isArray(containers) ? containers : [];
  return isObject(first) && typeof first["image"] === "string" ? first["image"] : "";
}

const podTemplate = (object: ApiObject) => field(field(field(object, "spec"), "template"), "spec");

function field(value: Readonly<Record<string, unknown>>, name: string): Readonly<Record<string, unknown>> {
  const inner = value[name];
  return isObject(inner) ? inner : {};
}

function conditionOf(pod: ApiObject, type: string): boolean {
  const conditions = field(pod, "status")["conditions"];
  return (
    Array.isArray(conditions) &&
    conditions.some((each) => isObject(each) && each["type"] === type && each["status"] === "True")
  );
}

/** What a pod that is not ready waits for, as its containers tell. */
function whyNot(pod: ApiObject): string | undefined {
  const { containerStatuses, initContainerStatuses } = field(pod, "status");
  const all: unknown[] = [initContainerStatuses, containerStatuses].flatMap((each) =>
    Array.isArray(each) ? each : [],
  );
  const waiting = all.filter(isObject).map((status) => field(field(status, "state"), "waiting"));
  return waiting.flatMap(({ reason, message }) => {
    if (typeof reason !== "string") return [];
    return [typeof message === "string" ? `${reason}: ${message}` : reason];
  })[0];
}

function setup(what: string, fix: string): OcicatError {
  return new OcicatError({ code: "TAKE_OVER_SETUP", where: "the cluster", what, fix });
}
