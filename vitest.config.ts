import { defineConfig } from "vitest/config";

/** Unit, property and compliance tests run on the sources: no build stands between a change and its test. */
const source = { conditions: ["source"] };

export default defineConfig({
  resolve: source,
  ssr: { resolve: source },
  test: {
    include: ["packages/*/test/**/*.test.ts", "tools/test/**/*.test.ts"],
    // They come with the clusters, when Kubernetes has been built.
    exclude: ["packages/*/test/**/*.apiserver.test.ts"],
    restoreMocks: true,
    testTimeout: 20_000,
    // Unless told, one of two cores would idle; and many tests wait: for an etcd, for a machine of their own.
    maxWorkers: 2,
  },
});
