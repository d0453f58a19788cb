// `npm test`: everything that must hold, offline: check, Vitest, build, the whole product under Playwright.
// `npm run e2e -- [Playwright arguments]` runs the last two; `npm run e2e:full` with every page in every combination;
// `npm run chaos [-- credit]` runs the fault tests of e2e/faults with their full counts; hours on a small machine.
// `npm run screenshots [-- --lang ja]` takes pictures of every page instead. Ends with one line, `N passed, N failed`.
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const at = (...parts) => path.join(root, ...parts);
/** What Playwright runs, for playwright.config.ts; none of these: everything. */
const RUNS = { e2e: "usual", "e2e:full": "full", screenshots: "screenshots", chaos: "chaos" };
const run = RUNS[process.argv[2]];
const passedOn = process.argv.slice(run ? 3 : 2);
const lang = takeOption("--lang");

// Reports and every data directory of a hub under test lie here, so that the end can find what a crash left running.
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "hub-test-"));
fs.chmodSync(scratch, 0o711);
const total = { passed: 0, failed: 0 };
const timings = [];
let child;

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, async () => {
    child?.kill(signal);
    await cleanUp();
    process.exit(1);
  });
}

try {
  if (!run) {
    count((await phase("check", [at("scripts/check.mjs")])) === 0 ? {} : { failed: 1 });
    await vitest();
  }
  if ((await phase("build", [at("scripts/build.mjs")])) === 0) await playwright();
  else count({ failed: 1 });
} finally {
  await cleanUp();
}
console.log(`\n${timings.join(" · ")}`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;

async function vitest() {
  const report = path.join(scratch, "vitest.json");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const code = await phase("vitest", [at("node_modules/vitest/vitest.mjs"), "run", ...reporters]);
  const { numPassedTests: passed = 0, numFailedTests: failed = 0 } = readReport(report);
  // A file that does not load, or an error outside any test, fails the run without failing a test.
  count({ passed, failed: failed === 0 && code !== 0 ? 1 : failed });
}

async function playwright() {
  forgetOldResults();
  const report = path.join(scratch, "playwright.json");
  const args = [at("node_modules/@playwright/test/cli.js"), "test", "--reporter=list,json", ...passedOn];
  const code = await phase("playwright", args, {
    PLAYWRIGHT_JSON_OUTPUT_FILE: report,
    HUB_TEST_RUN: String(process.pid),
    HUB_TEST_RUNS: run ?? "usual",
    ...(lang && { HUB_TEST_LANG: lang }),
  });
  const { expected: passed = 0, unexpected: failed = 0, flaky = 0 } = readReport(report).stats ?? {};
  count({ passed: passed + flaky, failed: failed === 0 && code !== 0 ? 1 : failed });
}

/** The value of an option that is ours and not Playwright's. */
function takeOption(name) {
  const index = passedOn.indexOf(name);
  return index < 0 ? undefined : passedOn.splice(index, 2)[1];
}

async function phase(name, args, env = {}) {
  const started = performance.now();
  console.log(`\n── ${name}`);
  child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, HUB_TEST_DIR: scratch, ...env },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const code = await new Promise((resolve) => {
    child.on("error", () => resolve(1));
    child.on("close", (status) => resolve(status ?? 1));
  });
  timings.push(`${name} ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return code;
}

function count({ passed = 0, failed = 0 }) {
  total.passed += passed;
  total.failed += failed;
}

function readReport(file) {
  try {
    return JSON.parse(fs.readFileSync(file, "utf8"));
  } catch {
    return {}; // the runner ended before it could write one: its exit code counts
  }
}

/** Traces of earlier runs, as far as their process is gone. */
function forgetOldResults() {
  for (const run of fs.globSync("test-results/*", { cwd: root })) {
    if (!isAlive(Number(path.basename(run)))) fs.rmSync(at(run), { recursive: true, force: true });
  }
}

/** Ends by process id what a crashed run left: supervisors name themselves in hub.json, databases in postmaster.pid. */
async function cleanUp() {
  for (const file of fs.globSync(["**/hub.json", "**/postmaster.pid"], { cwd: scratch })) {
    const text = readIfThere(path.join(scratch, file));
    if (text === null) continue; // what wrote it has ended by itself meanwhile
    const pid = file.endsWith("hub.json") ? JSON.parse(text).pid : Number(text.split("\n")[0]);
    await end(pid, file.endsWith("hub.json") ? "SIGTERM" : "SIGINT");
  }
  fs.rmSync(scratch, { recursive: true, force: true });
}

function readIfThere(file) {
  try {
    return fs.readFileSync(file, "utf8");
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
    return null;
  }
}

async function end(pid, signal) {
  for (let waited = 0; isAlive(pid); waited += 100) {
    process.kill(pid, waited === 0 ? signal : waited < 40_000 ? 0 : "SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return !fs.existsSync(`/proc/${pid}/stat`) || !/\) Z /.test(fs.readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
