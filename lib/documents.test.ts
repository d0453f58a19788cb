import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const DOCUMENTS = ["README.md", "ARCHITECTURE.md", "AGENTS.md", "SECURITY.md"];
const FOLDERS = /^(app|components|e2e|lib|messages|prisma|scripts|server)\//;

describe.each(DOCUMENTS)("%s", (document) => {
  const text = readFileSync(root + document, "utf8");
  const quoted = [...text.matchAll(/`([^`\n]+)`/g)].map((match) => String(match[1]));

  it("names only files that exist", () => {
    const paths = quoted.filter((words) => FOLDERS.test(words) && !/[*{<…\s]/.test(words));
    expect(paths.filter((path) => !existsSync(root + path))).toEqual([]);
  });

  it("names only npm scripts that exist", () => {
    const { scripts } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
    const named = [...text.matchAll(/\bnpm run ([a-z0-9]+)/g)].map((match) => String(match[1]));
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });
});

it("AGENTS.md stays on one page", () => {
  expect(readFileSync(`${root}AGENTS.md`, "utf8").split("\n").length).toBeLessThanOrEqual(101);
});

it("README.md offers the two commands", () => {
  const readme = readFileSync(`${root}README.md`, "utf8");
  expect(readme).toContain("npm ci && npm start");
  expect(readme).toContain("npm ci && npm test");
});
