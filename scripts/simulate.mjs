// `npm run simulate -- --seeds 1000 --seed 1`: that many runs of the deterministic simulator (e2e/simulation), from that seed on.
// A seed that fails is printed with the end of its trace, and fails again in the same way; --trace 1000 prints more of it.
import { spawn } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
    trace: { type: "string", default: "60" },
  },
});
const child = spawn(
  process.execPath,
  [path.join(root, "node_modules/vitest/vitest.mjs"), "run", "e2e/simulation/simulation.test.ts"],
  {
    cwd: root,
    stdio: "inherit",
    env: {
      ...process.env,
      ...{ SIMULATE_SEEDS: values.seeds, SIMULATE_SEED: values.seed, SIMULATE_TRACE: values.trace },
    },
  },
);
child.on("close", (code) => {
  process.exitCode = code ?? 1;
});
