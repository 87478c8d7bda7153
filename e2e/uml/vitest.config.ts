import { defineConfig } from "vitest/config";

/**
 * What needs a kernel with IPIP, run inside a user-mode machine, whose system calls are several times slower:
 *
 *     node e2e/support/in-uml.ts vitest run --config e2e/uml/vitest.config.ts
 */
export default defineConfig({
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source"] } },
  test: {
    include: ["e2e/uml/**/*.test.ts"],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 240_000,
  },
});
