import { afterEach, beforeEach, describe } from "vitest";
import { addressCompliance } from "./addresses.ts";
import { batchCompliance } from "./batches.ts";
import { connectionCompliance } from "./connections.ts";
import type { KernelFixture } from "./fixture.ts";
import { linkCompliance } from "./links.ts";
import { monitorCompliance } from "./monitors.ts";
import { neighbourCompliance } from "./neighbours.ts";
import { nftChangeCompliance } from "./nft-changes.ts";
import { packetLogCompliance } from "./packet-logs.ts";
import { routeCompliance } from "./routes.ts";
import { ruleCompliance } from "./rules.ts";
import { sysctlCompliance } from "./sysctls.ts";
import { trafficCompliance } from "./traffic.ts";

export type { KernelFixture, Subject } from "./fixture.ts";

/** What every Kernel does: run it on an implementation, with a new fixture for each test. For vitest. */
export function kernelCompliance(name: string, open: () => KernelFixture): void {
  describe(name, () => {
    let fixture: KernelFixture | undefined;
    beforeEach(() => {
      fixture = open();
    });
    afterEach(() => fixture?.close());
    const namespace = () => {
      if (fixture === undefined) throw new Error("a namespace is for use inside a test");
      return fixture.namespace();
    };
    linkCompliance(namespace);
    addressCompliance(namespace);
    routeCompliance(namespace);
    neighbourCompliance(namespace);
    ruleCompliance(namespace);
    connectionCompliance(namespace);
    sysctlCompliance(namespace);
    trafficCompliance(namespace);
    batchCompliance(namespace);
    monitorCompliance(namespace);
    packetLogCompliance(namespace);
    nftChangeCompliance(namespace);
  });
}
