import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    include: ['test/**/*.test.ts', 'test/**/*.test.tsx'],
    // A deadline is only how long a broken test may hang.
    testTimeout: 30_000,
    pool: 'threads',
  },
});
