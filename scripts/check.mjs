// `npm run check`: generated code, format, lint, types. Changes nothing; `npm run check -- --write` formats first.
import { spawn } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "./build.mjs";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const bin = (name) => path.join(root, "node_modules", name);
const flags = process.argv.slice(2).filter((flag) => flag === "--write");

await build(["prisma"]);
// Before tsc: pages use the route types that this writes.
const typegen = await run("next typegen", [bin("next/dist/bin/next"), "typegen"]);
const results = [
  typegen,
  ...(await Promise.all([
    run("biome check", [bin("@biomejs/biome/bin/biome"), "check", "--error-on-warnings", ...flags, "."]),
    // From scratch: what two runs at once leave in the incremental file is wrong, and nothing would say so.
    run("tsc", [bin("typescript/bin/tsc"), "--noEmit", "--incremental", "false"]),
  ])),
];
for (const { name, code, output, seconds } of results) {
  if (code !== 0) process.stdout.write(output);
  console.log(`${code === 0 ? "✓" : "✗"} ${name} (${seconds} s)`);
}
process.exitCode = results.every(({ code }) => code === 0) ? 0 : 1;

function run(name, args) {
  const started = performance.now();
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1" };
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
  const output = [];
  child.stdout.on("data", (chunk) => output.push(chunk));
  child.stderr.on("data", (chunk) => output.push(chunk));
  return new Promise((resolve) => {
    child.on("error", (error) => output.push(Buffer.from(`${error.message}\n`)));
    child.on("close", (code) => {
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      resolve({ name, code: code ?? 1, output: Buffer.concat(output), seconds });
    });
  });
}
