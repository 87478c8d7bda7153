import { randomBytes } from "node:crypto";
import type { KernelFixture } from "../../src/compliance/index.ts";
import { createNetworkNamespace, deleteNetworkNamespace, openKernel, openNamespace } from "../../src/index.ts";
import { logIn } from "./log.ts";
import { trackIn } from "./track.ts";

/** The kernel this runs on, in new network namespaces that `ip netns` knows. */
export function hostFixture(): KernelFixture {
  const closers: (() => void)[] = [];
  return {
    namespace() {
      const name = `oct${randomBytes(4).toString("hex")}`;
      const path = `/run/netns/${name}`;
      createNetworkNamespace(path);
      closers.push(() => deleteNetworkNamespace(path));
      const handle = openNamespace(path);
      closers.push(() => handle.close());
      const kernel = openKernel({ namespace: handle });
      closers.push(() => kernel.close());
      return {
        kernel,
        fd: handle.fd,
        another() {
          const other = openKernel({ namespace: handle });
          closers.push(() => other.close());
          return other;
        },
        track: (connection) => trackIn(name, connection),
        log: (group, prefix, port) => logIn(name, group, prefix, port),
      };
    },
    close() {
      for (let close = closers.pop(); close !== undefined; close = closers.pop()) close();
    },
  };
}
