// `npm run clients`: coding agents of the terminal (Codex CLI, Claude Code) work through a hub with simulated providers.
// They are not part of the product: this installs them at pinned versions into a temporary folder, or uses the folder that
// `-- --prefix <folder>` names. They reach loopback alone; what else they ask for is noted and fails the run.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const CLIENTS = ["@openai/codex@0.169.0", "@anthropic-ai/claude-code@2.1.328"];

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const given = process.argv.indexOf("--prefix");
const prefix =
  given < 0 ? fs.mkdtempSync(path.join(os.tmpdir(), "hub-clients-")) : path.resolve(process.argv[given + 1] ?? "");

try {
  process.exitCode = install() ? run() : 0;
} finally {
  if (given < 0) fs.rmSync(prefix, { recursive: true, force: true });
}

function install() {
  if (fs.existsSync(path.join(prefix, "node_modules/@openai/codex"))) return true;
  const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--loglevel=error"];
  const { status } = spawnSync("npm", ["install", "--prefix", prefix, ...options, ...CLIENTS], { stdio: "inherit" });
  if (status !== 0) console.log(`skipped: ${CLIENTS.join(" and ")} could not be installed here`);
  return status === 0;
}

function run() {
  const vitest = path.join(root, "node_modules/vitest/vitest.mjs");
  // a first start of a program of 370 MB on a small machine
  const args = [vitest, "run", "e2e/clients", "--testTimeout=120000", "--reporter=verbose"];
  const env = { ...process.env, HUB_TEST_CLIENTS: prefix };
  return spawnSync(process.execPath, args, { cwd: root, env, stdio: "inherit" }).status ?? 1;
}
