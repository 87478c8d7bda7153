import { randomBytes } from "node:crypto";
import { createNetworkNamespace, deleteNetworkNamespace, type Kernel, openKernel, openNamespace } from "@ocicat/linux";
import { parseAddress } from "@ocicat/net";

/** Work in a namespace of its own with an interface ens33, 192.168.0.81/24. */
export async function inNamespace<T>(work: (kernel: Kernel, name: string) => Promise<T>): Promise<T> {
  const name = `octbench${randomBytes(3).toString("hex")}`;
  const path = `/run/netns/${name}`;
  createNetworkNamespace(path);
  const namespace = openNamespace(path);
  const kernel = openKernel({ namespace });
  try {
    const outcomes = kernel.apply([{ op: "link.veth", veth: { name: "ens33", up: true, peer: { name: "segment" } } }]);
    const index = kernel.link("ens33")?.index ?? 0;
    const segment = kernel.link("segment")?.index ?? 0;
    outcomes.push(
      ...kernel.apply([
        { op: "link.set", index: segment, change: { up: true } },
        {
          op: "address.add",
          address: { linkIndex: index, address: parseAddress("192.168.0.81"), prefixLength: 24, scope: 0 },
        },
      ]),
    );
    const refused = outcomes.find((outcome) => outcome !== undefined);
    if (refused !== undefined) throw new Error(`${refused.errno} ${refused.message}`);
    return await work(kernel, name);
  } finally {
    kernel.close();
    namespace.close();
    deleteNetworkNamespace(path);
  }
}
