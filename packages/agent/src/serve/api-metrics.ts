import type { MetricsRegistry } from "@ocicat/kit";
import type { Answered } from "@ocicat/kubernetes";

/** What this agent costs an API server: requests by verb and resource, and bytes both ways. */
export function apiMetrics(metrics: MetricsRegistry): (answer: Answered) => void {
  const requests = metrics.counter("ocicat_kubernetes_requests_total", "Requests to the API server that are over.");
  const sent = metrics.counter("ocicat_kubernetes_sent_bytes_total", "Bytes of their bodies.");
  const received = metrics.counter("ocicat_kubernetes_received_bytes_total", "Bytes of the answers to them.");
  return ({ verb, path, status, sentBytes, receivedBytes }) => {
    const labels = { verb, resource: resourceIn(path), code: String(status) };
    requests.add(1, labels);
    sent.add(sentBytes, labels);
    received.add(receivedBytes, labels);
  };
}

/** `/api/v1/namespaces/default/pods/web-1/status?…` is about pods, `/api/v1/namespaces/default` about namespaces. */
function resourceIn(path: string): string {
  const [, inNamespace, plain] =
    /\/apis?\/(?:[^/]+\/)*?v\d[^/]*\/(?:namespaces\/[^/]+\/([^/?]+)|([^/?]+))/.exec(path) ?? [];
  return inNamespace ?? plain ?? "";
}
