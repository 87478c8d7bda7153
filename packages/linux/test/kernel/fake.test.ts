import { ipv4 } from "@ocicat/net";
import { kernelCompliance } from "../../src/compliance/index.ts";
import { FakeKernel, FakeNetwork, type LoggedPacket } from "../../src/kernel/index.ts";

const LOCALHOST = ipv4(0x7f00_0001);

function loggedPacket(group: number, prefix: string, destinationPort: number): LoggedPacket {
  const way = { hook: 3, inLink: 0, outLink: 1, source: LOCALHOST, destination: LOCALHOST };
  return { group, prefix, ...way, protocol: 17, sourcePort: 40000, destinationPort, icmp: undefined, length: 29 };
}

kernelCompliance("the fake kernel", () => {
  const network = new FakeNetwork();
  return {
    namespace() {
      const home = network.namespace();
      const kernel = new FakeKernel(home);
      let id = 0;
      return {
        kernel,
        fd: kernel.fd,
        another: () => new FakeKernel(home),
        log: (group, prefix, port) => home.packetLogs.log(loggedPacket(group, prefix, port)),
        track: (connection) => void home.connections.push({ ...connection, id: ++id }),
      };
    },
    close() {},
  };
});
