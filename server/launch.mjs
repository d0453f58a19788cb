// `node server/launch.mjs <role>`: builds what the role needs, then becomes it. Plain JavaScript without dependencies,
// because it must be able to say that this Node is too old.
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const ROLES = {
  start: { bundle: "start", needs: ["prisma", "server"] }, // the supervisor builds web while the database starts
  dev: { bundle: "start", needs: ["prisma", "server"] },
  migrate: { bundle: "start", needs: ["prisma", "server"] },
  seed: { bundle: "start", needs: ["prisma", "server"] },
  gateway: { bundle: "gateway", needs: ["prisma", "server"] },
  worker: { bundle: "worker", needs: ["prisma", "server"] },
  web: { bundle: "web", needs: ["prisma", "server", "web"] },
};

function stop(sentence) {
  console.error(sentence);
  process.exit(1);
}

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  stop(
    `AIGNE Hub needs Node 22.18 or newer, and this is Node ${process.versions.node}: on Linux \`npm ci\` brings Node 24, which \`npm start\` then uses; elsewhere install it from https://nodejs.org.`,
  );
}

const command = process.argv[2] ?? "start";
const role = ROLES[command];
if (!role) stop(`There is no role "${command}": choose one of ${Object.keys(ROLES).join(", ")}.`);

process.chdir(root);
// One .env may serve all roles on a machine; web skips the line it must not see. What is set already, even empty, stays.
if (role.bundle === "web") for (const name of ["HUB_SECRETS_KEY", "HUB_SECRETS_KEY_FILE"]) process.env[name] ??= "";
if (existsSync(".env")) process.loadEnvFile(".env");
// Roles started alone learn their name here; under the supervisor they are told.
if (role.bundle !== "start") process.env.HUB_ROLE = role.bundle;

if (!existsSync("node_modules/esbuild")) stop("The dependencies are not installed: run `npm ci` first.");
const { build } = await import("../scripts/build.mjs");
await build(role.needs).catch((error) => stop(error.message));

const bundle = join(root, "dist", `${role.bundle}.js`);
// node:cluster starts its workers from argv[1]: they must run the bundle, not this launcher.
process.argv = [process.execPath, bundle, command];
await import(pathToFileURL(bundle).href);
