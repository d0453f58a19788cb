// `npm run catalogue -- 2026-07-24=litellm.json 2026-07-02=models.dev.json`: writes lib/catalog/seed/ from public catalogues, the
// most trusted one first. Each figure keeps its source and date. lib/catalog/seed/doubao.json is kept by hand.
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import esbuild from "esbuild";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const outfile = path.join(root, "dist/catalogue/run.js");
await esbuild.build({
  absWorkingDir: root,
  entryPoints: ["scripts/catalogue/run.ts"],
  outfile,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node24",
  packages: "external",
  logLevel: "warning",
});
await import(pathToFileURL(outfile).href);
