import { kernelCompliance } from "../../src/compliance/index.ts";
import { FakeKernel, FakeNetwork } from "../../src/kernel/index.ts";

kernelCompliance("the fake kernel", () => {
  const network = new FakeNetwork();
  return {
    namespace() {
      const kernel = new FakeKernel(network.namespace());
      return { kernel, fd: kernel.fd };
    },
    close() {},
  };
});
