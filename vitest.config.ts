import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const root = fileURLToPath(new URL(".", import.meta.url));

export default defineConfig({
  resolve: { alias: { "@": root.replace(/\/$/, "") } },
  test: {
    root,
    include: ["{app,components,lib,prisma,scripts,server,e2e}/**/*.test.{ts,tsx}", "*.test.ts"],
    exclude: [
      ...["**/node_modules/**", "**/.next/**", "**/dist/**", "prisma/generated/**"],
      // needs programs that `npm run clients` installs first
      ...(process.env.HUB_TEST_CLIENTS ? [] : ["e2e/clients/**"]),
    ],
    globalSetup: ["e2e/support/database.ts"],
    // Threads share the transformed modules; two suffice, since Postgres needs the rest of a small machine.
    pool: "threads",
    maxWorkers: 2,
    maxConcurrency: 16,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // Throwaway values: a test that needs a secret gets this one, and never what lies in a developer's .env or .data.
    env: {
      HUB_DATA_DIR: ".data/test",
      HUB_PRODUCTION: "false",
      HUB_KEY_PEPPER: "test-pepper-0123456789abcdef0123456789abcdef",
      AUTH_SECRET: "test-auth-secret-0123456789abcdef0123456789",
      LOG_LEVEL: "silent",
    },
  },
});
