import { kernelCompliance } from "../../src/compliance/index.ts";
import { FakeKernel, FakeNetwork } from "../../src/kernel/index.ts";

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
        track: (connection) => void home.connections.push({ ...connection, id: ++id }),
      };
    },
    close() {},
  };
});
