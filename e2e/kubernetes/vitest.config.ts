import { defineConfig } from "vitest/config";

/** One file after the other: each brings up a cluster of its own, and two cores are shared by all its programs. */
export default defineConfig({
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source"] } },
  test: {
    include: ["e2e/kubernetes/**/*.test.ts", "packages/*/test/**/*.apiserver.test.ts"],
    fileParallelism: false,
    testTimeout: 240_000,
    hookTimeout: 360_000,
  },
});
