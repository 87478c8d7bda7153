import type { MetricsRegistry } from "@ocicat/kit";
import type { Cache } from "../cache/cache.ts";

/** What a fan-out has done, and for how many. */
export class Counters {
  clients = 0;
  watches = 0;
  upstreamLists = 0;
  lists = 0;
  framesEncoded = 0;
  framesSent = 0;
  bytesSent = 0;
  /** Clients that did not read for too long. */
  evicted = 0;
  /** Watches whose place in history was gone. */
  fellBehind = 0;

  expose(metrics: MetricsRegistry, cache: Cache): void {
    metrics.gauge("ocicat_fanout_clients", "Clients that watch.", () => this.clients);
    metrics.gauge("ocicat_fanout_watches", "Their watches.", () => this.watches);
    metrics.gauge("ocicat_fanout_rows", "Rows in the cache, by prefix.", () =>
      [...cache.streams()].map(({ prefix, size }) => [{ prefix }, size] as const),
    );
    metrics.counter("ocicat_fanout_upstream_lists_total", "Lists asked of the datastore.", () => this.upstreamLists);
    metrics.counter("ocicat_fanout_lists_total", "Lists served.", () => this.lists);
    metrics.counter("ocicat_fanout_frames_encoded_total", "Messages of events made.", () => this.framesEncoded);
    metrics.counter("ocicat_fanout_frames_sent_total", "Messages of events sent: many of one.", () => this.framesSent);
    metrics.counter("ocicat_fanout_bytes_sent_total", "Bytes of events sent.", () => this.bytesSent);
    metrics.counter("ocicat_fanout_evicted_total", "Clients that did not read for too long.", () => this.evicted);
    metrics.counter(
      "ocicat_fanout_fell_behind_total",
      "Watches whose place in history was gone: they list again.",
      () => this.fellBehind,
    );
  }
}
