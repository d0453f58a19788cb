// `npm run bench`: what the hub costs beside a bare Node relay, measured against the same upstream in one run.
//   --seconds 3  --rounds 5  --concurrency 1,32,256   how much is measured
//   --shape plain,stream   also `trickle`: a stream whose chunks come one packet at a time
//   --prof cpu   profiles the gateway instead and prints what it spent its time on
//   --json       figures only
// `npm run bench -- failover`: how many calls are served, and how much later, while upstreams fail; about a minute.
// `npm run bench -- wallet`: the money path alone, coalesced beside one statement per call.
import { mkdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import esbuild from "esbuild";

if (process.platform !== "linux") {
  console.error("The bench reads CPU times from /proc, so it needs Linux.");
  process.exit(1);
}
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const outdir = path.join(root, "dist/bench");
mkdirSync(outdir, { recursive: true });

await esbuild.build({
  absWorkingDir: root,
  entryPoints: {
    gateway: "server/gateway.ts",
    run: "scripts/bench/run.ts",
    load: "scripts/bench/load.ts",
    relay: "scripts/bench/relay.ts",
    upstream: "scripts/bench/upstream.ts",
    wallet: "scripts/bench/wallet.ts",
    failover: "scripts/bench/failover.ts",
  },
  outdir,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node24",
  packages: "external",
  sourcemap: "inline",
  logLevel: "warning",
});
const bench = ["wallet", "failover"].includes(process.argv[2]) ? `${process.argv[2]}.js` : "run.js";
await import(pathToFileURL(path.join(outdir, bench)).href);
