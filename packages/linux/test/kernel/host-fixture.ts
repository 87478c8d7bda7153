import { randomBytes } from "node:crypto";
import type { KernelFixture } from "../../src/compliance/index.ts";
import { createNetworkNamespace, deleteNetworkNamespace, openKernel, openNamespace } from "../../src/index.ts";

/** The kernel this runs on, in new network namespaces that `ip netns` knows. */
export function hostFixture(): KernelFixture {
  const closers: (() => void)[] = [];
  return {
    namespace() {
      const path = `/run/netns/oct${randomBytes(4).toString("hex")}`;
      createNetworkNamespace(path);
      closers.push(() => deleteNetworkNamespace(path));
      const handle = openNamespace(path);
      closers.push(() => handle.close());
      const kernel = openKernel({ namespace: handle });
      closers.push(() => kernel.close());
      return { kernel, fd: handle.fd };
    },
    close() {
      for (let close = closers.pop(); close !== undefined; close = closers.pop()) close();
    },
  };
}
