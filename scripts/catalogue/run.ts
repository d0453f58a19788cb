import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { FigureSource, ModelFigures } from "@/lib/catalog/figures";
import { figuresKey, PUBLIC_CATALOGUES, readPublicCatalogue } from "@/lib/catalog/public-formats";
import { mergeFigures, type SourcedFigures } from "@/scripts/catalogue/merge";

const KINDS = ["openai", "anthropic", "google", "bedrock", "deepseek", "xai", "openrouter", "ollama", "poe"] as const;
/** What is that much older than the newest file is old. */
const OLD_DAYS = 180;
const DAY_MS = 86_400_000;
const today = new Date().toISOString().slice(0, 10);
const read = process.argv.slice(2).map((argument): { source: FigureSource; models: ModelFigures[] } => {
  const [, date = "", file = ""] = /^(\d{4}-\d{2}-\d{2})=(.+)$/.exec(argument) ?? [];
  if (!file) throw new Error(`"${argument}" is not DATE=FILE, such as 2026-07-24=litellm.json`);
  const { format, models } = readPublicCatalogue(readFileSync(file, "utf8"), today);
  return { source: { ...PUBLIC_CATALOGUES[format], date }, models };
});

const newest = Math.max(...read.map(({ source }) => Date.parse(source.date)));
for (const kind of KINDS) {
  const byModel = new Map<string, SourcedFigures[]>();
  for (const [index, { source, models }] of read.entries())
    for (const figures of models.filter((model) => model.kind === kind)) {
      const key = figuresKey(figures);
      byModel.set(key, [
        ...(byModel.get(key) ?? []),
        { source: `s${index + 1}`, isOld: newest - Date.parse(source.date) > OLD_DAYS * DAY_MS, figures },
      ]);
    }
  const lines = [...byModel.values()]
    .flatMap((all) => mergeFigures(all) ?? [])
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const named = new Set(lines.flatMap(({ from }) => Object.values(from)));
  const sources = Object.fromEntries(
    read.flatMap(({ source }, index) => (named.has(`s${index + 1}`) ? [[`s${index + 1}`, source]] : [])),
  );
  // one model a line: a change of one shows as one
  const body = lines.map((line) => `    ${JSON.stringify(line)}`).join(",\n");
  const head = JSON.stringify(sources, null, 2).replaceAll("\n", "\n  ");
  writeFileSync(
    path.join("lib/catalog/seed", `${kind}.json`),
    `{\n  "kind": "${kind}",\n  "sources": ${head},\n  "models": [\n${body}\n  ]\n}\n`,
  );
  const priced = lines.filter(({ cost }) => cost).length;
  console.log(`${kind}: ${lines.length} models, ${priced} with a cost`);
}
