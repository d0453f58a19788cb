// `npm run prove`: the proofs of the money path in full, of which `npm test` holds the short form: a million prices against the
// oracle, 500 seeds of payment histories, 10,000 runs of the wallet's model, each predicate on an organisation taken away, thirty
// days of a million calls. About an hour; SEED= sets the seed, a word picks files.
import { spawn } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const files = [
  "lib/billing/pricing.oracle.test.ts",
  "prisma/sql/payment-histories.test.ts",
  "prisma/sql/wallet.property.test.ts",
  "prisma/sql/neighbours.test.ts",
  "e2e/simulation/soak.test.ts",
].filter((file) => process.argv.slice(2).every((word) => file.includes(word)));
const child = spawn(process.execPath, [path.join(root, "node_modules/vitest/vitest.mjs"), "run", ...files], {
  cwd: root,
  stdio: "inherit",
  env: {
    ...{ ORACLE_CASES: "1000000", HISTORY_SEEDS: "500", HISTORY_DELIVERIES: "1000", PROPERTY_RUNS: "10000" },
    ...{ SOAK_DAYS: "30", SOAK_CALLS: "1000000", MUTATE: "1" },
    ...process.env,
  },
});
child.on("close", (code) => {
  process.exitCode = code ?? 1;
});
