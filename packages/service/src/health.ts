import { monitorEventLoopDelay } from "node:perf_hooks";
import type { MetricsRegistry, Scope } from "@ocicat/kit";
import { type Routes, text } from "./local-http.ts";

/** Named conditions, each with the reason why it does not hold yet; undefined when it holds. */
export type Conditions = Readonly<Record<string, () => string | undefined>>;

/** /livez: the event loop turns. /readyz: every condition holds. The other two are Calico's names for them. */
export function healthRoutes(ready: Conditions, metrics: MetricsRegistry): Routes {
  const live = () => text("ok\n");
  const readiness = () => {
    const reasons = unmet(ready);
    return reasons.length === 0 ? text("ok\n") : text(`${reasons.join("\n")}\n`, 503);
  };
  return {
    "/livez": live,
    "/liveness": live,
    "/readyz": readiness,
    "/readiness": readiness,
    "/metrics": () => text(metrics.expose()),
  };
}

export function unmet(conditions: Conditions): string[] {
  return Object.entries(conditions).flatMap(([name, reason]) => {
    const why = reason();
    return why === undefined ? [] : [`${name}: ${why}`];
  });
}

/** Memory, CPU and how long the event loop was away: an agent that is late answers late everywhere. */
export function processMetrics(metrics: MetricsRegistry, lagResolutionMs: number, scope: Scope): void {
  const lag = monitorEventLoopDelay({ resolution: lagResolutionMs });
  lag.enable();
  scope.add("event loop monitor", () => void lag.disable());
  const seconds = (nanoseconds: number) => Math.max(0, nanoseconds / 1e9 - lagResolutionMs / 1e3);
  metrics.gauge("ocicat_event_loop_lag_p99_seconds", "Time beyond its due that a timer waited, 99th percentile.", () =>
    seconds(lag.percentile(99)),
  );
  metrics.gauge(
    "ocicat_event_loop_lag_max_seconds",
    "The longest turn of the event loop since the last scrape.",
    () => {
      const longest = seconds(lag.max);
      lag.reset();
      return longest;
    },
  );
  metrics.gauge("process_resident_memory_bytes", "Resident memory.", () => process.memoryUsage.rss());
  metrics.gauge(
    "nodejs_heap_size_used_bytes",
    "Of that, what JavaScript's objects take, garbage included.",
    () => process.memoryUsage().heapUsed,
  );
  metrics.gauge(
    "nodejs_external_memory_bytes",
    "And what buffers take beside them.",
    () => process.memoryUsage().external,
  );
  metrics.gauge("process_cpu_seconds_total", "User and system CPU time.", () => {
    const usage = process.cpuUsage();
    return (usage.user + usage.system) / 1e6;
  });
}
