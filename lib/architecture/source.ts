import { existsSync, readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { type ESTree, parseSync } from "vite";

/** One value import: type-only imports vanish at run time and are left out. */
export type Import = {
  /** As written. */
  specifier: string;
  /** Repository path where the specifier names a file of ours, else undefined. */
  path: string | undefined;
  /** npm package or `node:` module where it does not. */
  vendor: string | undefined;
  /** Imported names; `*` for a namespace, a re-exported star or a dynamic import. */
  names: string[];
  line: number;
  reExport: boolean;
};

export type Module = {
  path: string;
  source: string;
  imports: Import[];
  /** `use client`, `use server`. */
  directives: string[];
  /** Parsed on first use: most rules need imports only. */
  program(): ESTree.Program;
  lineAt(offset: number): number;
};

export type Project = Map<string, Module>;
export type Violation = { file: string; line: number; message: string };
/** A rule of the architecture: a name to plant against, and a function from the parsed sources to what breaks it. */
export type Rule = { name: string; check(project: Project): Violation[] };

const ROOTS = ["app", "components", "i18n", "lib", "server", "prisma", "e2e", "scripts"];
const SOURCE_FILE = /\.(ts|tsx|mts|mjs)$/;
const NOT_OURS = /^prisma\/generated\/|\/node_modules\/|\.d\.ts$/;

/** Every source file of the repository, as `{path: text}`. */
export function readSources(root: string): Record<string, string> {
  const paths = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);
  for (const folder of ROOTS) {
    if (!existsSync(posix.join(root, folder))) continue;
    for (const path of readdirSync(posix.join(root, folder), { recursive: true }))
      paths.push(posix.join(folder, String(path)));
  }
  const ours = paths.filter((path) => SOURCE_FILE.test(path) && !NOT_OURS.test(path)).sort();
  return Object.fromEntries(ours.map((path) => [path, readFileSync(posix.join(root, path), "utf8")]));
}

export function parseProject(sources: Record<string, string>): Project {
  const paths = new Set(Object.keys(sources));
  const sorted = Object.entries(sources).sort(([a], [b]) => (a < b ? -1 : 1));
  return new Map(sorted.map(([path, source]) => [path, parseModule(path, source, paths)]));
}

function parseModule(path: string, source: string, paths: Set<string>): Module {
  const parsed = parseSync(path, source);
  if (parsed.errors.length > 0) throw new Error(`${path} does not parse: ${parsed.errors[0]?.message}`);
  const lineAt = (offset: number) => source.slice(0, offset).split("\n").length;
  const imports: Import[] = [];
  const add = (specifier: string, start: number, names: string[], reExport: boolean) =>
    imports.push({ specifier, ...resolve(path, specifier, paths), names, line: lineAt(start), reExport });

  for (const statement of parsed.module.staticImports) {
    if (/^import\s+type\b/.test(source.slice(statement.start))) continue;
    const names = statement.entries.map(
      (entry) => entry.importName.name ?? (entry.importName.kind === "Default" ? "default" : "*"),
    );
    add(statement.moduleRequest.value, statement.start, names, false);
  }
  for (const statement of parsed.module.staticExports) {
    const from = statement.entries.find((entry) => entry.moduleRequest)?.moduleRequest;
    // `import { x }` followed by `export { x }` is listed with the import's text: it was counted above.
    if (!from || !/^export\b(?!\s+type\b)/.test(source.slice(statement.start))) continue;
    add(
      from.value,
      statement.start,
      statement.entries.map((entry) => entry.importName.name ?? "*"),
      true,
    );
  }
  for (const { start, moduleRequest } of parsed.module.dynamicImports) {
    const literal = /^["'`](.*)["'`]$/.exec(source.slice(moduleRequest.start, moduleRequest.end));
    if (literal?.[1]) add(literal[1], start, ["*"], false);
  }
  const directives = [...source.matchAll(/^\s*["'](use (?:client|server))["'];?/gm)].map((match) => String(match[1]));
  return {
    path,
    source,
    imports,
    directives: directives.length > 0 ? topDirectives(parsed.program) : [],
    program: () => parsed.program,
    lineAt,
  };
}

/** Directives at the top of the file; `use server` inside a function is found by its own rule. */
function topDirectives(program: ESTree.Program): string[] {
  return program.body.flatMap((statement) =>
    "directive" in statement && statement.directive ? [statement.directive] : [],
  );
}

function resolve(
  from: string,
  specifier: string,
  paths: Set<string>,
): { path: string | undefined; vendor: string | undefined } {
  if (!specifier.startsWith(".") && !specifier.startsWith("@/")) {
    const depth = specifier.startsWith("@") ? 2 : 1;
    return { path: undefined, vendor: specifier.split("/").slice(0, depth).join("/") };
  }
  const base = specifier.startsWith("@/") ? specifier.slice(2) : posix.join(posix.dirname(from), specifier);
  const candidates = [base, `${base}.ts`, `${base}.tsx`, `${base}.mjs`, `${base}/index.ts`, `${base}/index.tsx`];
  const missing = posix.extname(base) ? base : `${base}.ts`;
  return { path: candidates.find((candidate) => paths.has(candidate)) ?? missing, vendor: undefined };
}

/** Tests and what only tests load; they may reach anything. */
export function isTest(path: string): boolean {
  return /\.(test|spec)\.tsx?$/.test(path) || path.startsWith("e2e/") || path.startsWith("lib/architecture/");
}

/** The modules the running product is made of. */
export function productModules(project: Project): Module[] {
  return [...project.values()].filter((module) => !isTest(module.path) && !module.path.startsWith("scripts/"));
}

/** Applies a check to every import of the product. The check returns what to do instead, or nothing. */
export function eachImport(
  project: Project,
  check: (module: Module, imported: Import) => string | undefined,
): Violation[] {
  return productModules(project).flatMap((module) =>
    module.imports.flatMap((imported) => {
      const message = check(module, imported);
      return message ? [{ file: module.path, line: imported.line, message }] : [];
    }),
  );
}

type Node = { type: string; start: number } & Record<string, unknown>;

/** Depth-first walk over the syntax tree of one module. */
export function walk(module: Module, visit: (node: Node) => void): void {
  const step = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const item of value) step(item);
    } else if (isNode(value)) {
      visit(value);
      for (const child of Object.values(value)) if (typeof child === "object") step(child);
    }
  };
  step(module.program());
}

export function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}
