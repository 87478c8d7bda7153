/** The version is that of e2e/kubernetes/dns, which it is built from. */
export const DNS_IMAGE = "coredns/coredns:1.13.1";

const LABELS = { "k8s-app": "kube-dns" };
const NAMED = { name: "coredns", namespace: "kube-system", labels: LABELS };

/** The cluster's DNS as installers of clusters have it: CoreDNS behind a service at an address that kubelets know. */
export function clusterDns(address: string): object {
  return {
    apiVersion: "v1",
    kind: "List",
    items: [
      { apiVersion: "v1", kind: "ServiceAccount", metadata: NAMED },
      {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRole",
        metadata: { name: "system:coredns" },
        rules: [
          { apiGroups: [""], resources: ["services", "pods", "namespaces"], verbs: ["list", "watch"] },
          { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] },
        ],
      },
      {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRoleBinding",
        metadata: { name: "system:coredns" },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:coredns" },
        subjects: [{ kind: "ServiceAccount", name: NAMED.name, namespace: NAMED.namespace }],
      },
      { apiVersion: "v1", kind: "ConfigMap", metadata: NAMED, data: { Corefile: COREFILE } },
      { apiVersion: "apps/v1", kind: "Deployment", metadata: NAMED, spec: deployment() },
      {
        apiVersion: "v1",
        kind: "Service",
        metadata: { ...NAMED, name: "kube-dns" },
        spec: {
          selector: LABELS,
          clusterIP: address,
          ports: [
            { name: "dns", port: 53, protocol: "UDP" },
            { name: "dns-tcp", port: 53, protocol: "TCP" },
          ],
        },
      },
    ],
  };
}

/** No forwarding: there is nobody outside to ask. */
const COREFILE = `.:53 {
  errors
  health
  ready
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    pods insecure
    ttl 30
  }
  cache 30
  reload
}
`;

function deployment(): object {
  return {
    replicas: 2,
    selector: { matchLabels: LABELS },
    template: {
      metadata: { labels: LABELS },
      spec: {
        serviceAccountName: NAMED.name,
        priorityClassName: "system-cluster-critical",
        tolerations: [{ key: "CriticalAddonsOnly", operator: "Exists" }],
        dnsPolicy: "Default",
        containers: [
          {
            name: "coredns",
            image: `docker.io/${DNS_IMAGE}`,
            args: ["-conf", "/etc/coredns/Corefile"],
            ports: [{ name: "dns", containerPort: 53, protocol: "UDP" }],
            readinessProbe: { httpGet: { path: "/ready", port: 8181 }, periodSeconds: 2 },
            volumeMounts: [{ name: "config", mountPath: "/etc/coredns", readOnly: true }],
          },
        ],
        volumes: [{ name: "config", configMap: { name: NAMED.name } }],
      },
    },
  };
}
