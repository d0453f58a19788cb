// Builds what is missing or older than its inputs. `npm run build` builds all of it; server/launch.mjs what a role needs.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const at = (...parts) => path.join(root, ...parts);

const SERVER_ENTRIES = ["start", "gateway", "web", "worker", "tether", "stripe-simulator"];
const ESBUILD_OPTIONS = {
  absWorkingDir: root,
  entryPoints: Object.fromEntries(SERVER_ENTRIES.map((name) => [name, `server/${name}.ts`])),
  outdir: "dist",
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node24",
  packages: "external",
  // Not left to tsconfig: a path that does not exist would pass for a package and fail only when it runs.
  alias: { "@": root },
  jsx: "automatic",
  sourcemap: true,
  logLevel: "warning",
};

/** What each product is made from, where its stamp lies, and how it is made. */
const PRODUCTS = {
  prisma: {
    what: "the database client",
    inputs: ["prisma/schema", "prisma.config.ts", "package-lock.json"],
    stamp: "prisma/generated/.stamp",
    make: () => run("prisma generate", [at("scripts/prisma.mjs"), "generate"]),
  },
  server: {
    what: "the server",
    inputs: ["server", "lib", "prisma/schema", "prisma/seed.ts", "prisma/sql", "tsconfig.json", "package-lock.json"],
    stamp: "dist/.stamp",
    make: bundleServer,
  },
  web: {
    what: "the web application (takes a quarter of a minute)",
    inputs: [
      ...["app", "components", "lib", "messages", "public", "i18n", "prisma/schema", "next.config.ts", "proxy.ts"],
      ...["instrumentation.ts", "postcss.config.mjs", "components.json", "tsconfig.json", "package-lock.json"],
    ],
    stamp: ".next/standalone/.stamp",
    make: buildNext,
  },
};

/** Makes the named products that are stale, each once even when several processes start together. The database client
 *  comes first, since the others import it. Throws Error with a sentence. */
export async function build(names, { announce = console.log } = {}) {
  if (!names.some(isStale)) return;
  const release = await acquireLock(announce);
  try {
    if (names.includes("prisma")) await make("prisma", announce);
    const rest = names.filter((name) => name !== "prisma").map((name) => make(name, announce));
    const failure = (await Promise.allSettled(rest)).find((result) => result.status === "rejected");
    if (failure) throw failure.reason;
  } finally {
    release();
  }
}

/** True when a product is missing or was made from other inputs than those that lie there now. */
export function isStale(name) {
  const { stamp, inputs } = PRODUCTS[name];
  const written = fs.existsSync(at(stamp)) ? fs.readFileSync(at(stamp), "utf8") : "";
  return written !== fingerprint(inputs.map((input) => at(input)));
}

async function make(name, announce) {
  const product = PRODUCTS[name];
  if (!isStale(name)) return;
  const mark = fingerprint(product.inputs.map((input) => at(input)));
  const started = performance.now();
  fs.rmSync(at(product.stamp), { force: true });
  await product.make();
  fs.mkdirSync(path.dirname(at(product.stamp)), { recursive: true });
  fs.writeFileSync(at(product.stamp), mark);
  announce(`Built ${product.what.replace(/ \(.*/, "")} in ${((performance.now() - started) / 1000).toFixed(1)} s.`);
}

/** A hash over names and contents: modification times change with every clone and say nothing. */
export function fingerprint(paths) {
  const hash = createHash("sha256");
  for (const file of paths.flatMap(filesUnder))
    hash.update(`${path.relative(root, file)}\0`).update(fs.readFileSync(file));
  return hash.digest("hex");
}

function filesUnder(place) {
  const stat = fs.statSync(place, { throwIfNoEntry: false });
  if (!stat) return [];
  if (!stat.isDirectory()) return /\.test\.tsx?$/.test(place) ? [] : [place];
  return fs
    .readdirSync(place)
    .sort()
    .flatMap((name) => filesUnder(path.join(place, name)));
}

async function bundleServer() {
  const esbuild = await import("esbuild");
  try {
    await esbuild.build(ESBUILD_OPTIONS);
  } catch {
    throw new Error("The server could not be built; the lines above say why.");
  } finally {
    await esbuild.stop();
  }
}

/** For `npm run dev`: rebuilds the server bundle on every change and says so. Returns a function that ends it. */
export async function watchServer(onBuilt) {
  const esbuild = await import("esbuild");
  const notify = {
    name: "notify",
    setup: (builder) => builder.onEnd((result) => result.errors.length === 0 && onBuilt()),
  };
  fs.rmSync(at(PRODUCTS.server.stamp), { force: true });
  const context = await esbuild.context({ ...ESBUILD_OPTIONS, plugins: [notify] });
  await context.watch();
  return () => context.dispose().then(() => esbuild.stop());
}

async function buildNext() {
  await run("next build", [at("node_modules/next/dist/bin/next"), "build"]);
  const standalone = at(".next/standalone");
  // Next copies .env files there; whoever runs as web must not find the secrets of gateway and worker beside its code.
  for (const name of fs.readdirSync(standalone)) if (name.startsWith(".env")) fs.rmSync(path.join(standalone, name));
  fs.cpSync(at(".next/static"), path.join(standalone, ".next/static"), { recursive: true });
  if (fs.existsSync(at("public"))) fs.cpSync(at("public"), path.join(standalone, "public"), { recursive: true });
}

/** Runs a tool and shows its output only when it fails. */
function run(what, args) {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1", HUB_SECRETS_KEY: "" };
    delete env.NODE_ENV;
    const child = spawn(process.execPath, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
    const output = [];
    child.stdout.on("data", (chunk) => output.push(chunk));
    child.stderr.on("data", (chunk) => output.push(chunk));
    const end = () => child.kill();
    process.once("exit", end);
    child.on("error", reject);
    child.on("close", (code) => {
      process.off("exit", end);
      if (code === 0) return resolve();
      process.stderr.write(Buffer.concat(output));
      reject(new Error(`\`${what}\` failed; the lines above say why.`));
    });
  });
}

/** One builder at a time per checkout. A lock whose process is gone is taken over. */
async function acquireLock(announce) {
  const lock = at("node_modules/.aigne-hub-build.lock");
  for (let waited = 0; ; waited++) {
    try {
      fs.writeFileSync(lock, String(process.pid), { flag: "wx" });
      return () => fs.rmSync(lock, { force: true });
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    if (!isAlive(holderOf(lock))) fs.rmSync(lock, { force: true });
    else if (waited === 0) announce("Waiting for another process that builds in this directory.");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function holderOf(lock) {
  try {
    return Number(fs.readFileSync(lock, "utf8"));
  } catch {
    return 0; // released meanwhile
  }
}

function isAlive(pid) {
  if (!pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(fs.realpathSync(process.argv[1])).href) {
  await build(["prisma", "server", "web"]).catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}
