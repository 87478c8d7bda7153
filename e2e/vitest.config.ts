import { defineConfig } from "vitest/config";

/** One file after the other: each brings up a lab of its own, and two cores are shared by all its nodes. */
export default defineConfig({
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source"] } },
  test: {
    include: ["e2e/**/*.test.ts"],
    // These run in a user-mode machine, and in clusters: each of them has a configuration of its own.
    exclude: ["e2e/uml/**", "e2e/kubernetes/**"],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
