import {
  eachImport,
  type Import,
  type Module,
  type Project,
  productModules,
  type Rule,
  type Violation,
} from "./source";

/** Folders of the repository and the folders each may import from. `server` starts the product and may import anything. */
const LAYERS: Record<string, readonly string[]> = {
  app: ["app", "components", "lib", "i18n", "messages"],
  components: ["components", "lib", "messages"],
  i18n: ["i18n", "lib", "messages"],
  lib: ["lib", "messages", "prisma/generated"],
  prisma: ["lib", "prisma", "prisma/generated"],
};

/** Domains of `lib` by height. A domain imports only what is strictly lower; equals do not import each other. */
const HEIGHT: Record<string, number> = {
  audit: 1,
  notifications: 2,
  settings: 2,
  orgs: 3,
  billing: 4,
  catalog: 4,
  keys: 4,
  connect: 5,
  usage: 5,
  health: 6,
  auth: 7,
  gateway: 7,
  playground: 7,
  http: 8,
};

/** Proof types that every domain takes as its first argument; they import leaves only. */
const LEAVES_IN_DOMAINS = ["lib/orgs/scope.ts", "lib/orgs/permissions.ts"];
const SERVER_ONLY_LEAVES = ["db", "egress", "env", "log", "pg", "secrets"].map((name) => `lib/${name}.ts`);

const layers: Rule = {
  name: "layers",
  check: (project) =>
    eachImport(project, (module, imported) => {
      const from = layerOf(module.path);
      const to = imported.path && layerOf(imported.path);
      const allowed = LAYERS[from];
      if (!allowed || !to || to === "root" || allowed.includes(to)) return undefined;
      return `${from}/ may not import ${imported.specifier}: it imports only ${allowed.join(", ")}. Move what is shared down into lib/, or pass it in as an argument.`;
    }),
};

const componentImports: Rule = {
  name: "component-imports",
  check: (project) =>
    eachImport(project, (module, { path, specifier }) => {
      if (!module.path.startsWith("components/") || !path?.startsWith("lib/")) return undefined;
      const isLeaf = isLeafFile(path) && !SERVER_ONLY_LEAVES.includes(path);
      if (isLeaf || /^lib\/[^/]+\/(schema|(admin-)?actions|format)\.tsx?$/.test(path)) return undefined;
      return `a component may not import ${specifier}: it takes data and callbacks. Read in the page and pass plain props; components import only schema, actions and format files, leaves, and types.`;
    }),
};

const domains: Rule = {
  name: "domains",
  check: (project) =>
    eachImport(project, (module, imported) => {
      if (!module.path.startsWith("lib/") || !imported.path?.startsWith("lib/")) return undefined;
      const from = domainOf(module.path);
      const to = domainOf(imported.path);
      if (from === to || to === undefined) return undefined;
      if (from === undefined)
        return `a leaf may not import ${imported.specifier}: files directly in lib/ import only each other. Give this file a domain.`;
      const heightFrom = isActions(module.path) ? Number.POSITIVE_INFINITY : HEIGHT[from];
      const heightTo = HEIGHT[to];
      if (heightFrom === undefined || heightTo === undefined) {
        return `unknown domain lib/${heightFrom === undefined ? from : to}/: give it a height in lib/architecture/layers.ts.`;
      }
      if (isActions(imported.path))
        return `only components and pages import server actions; call the function in mutations.ts instead of ${imported.specifier}.`;
      if (heightTo < heightFrom) return undefined;
      return `lib/${from} may not import ${imported.specifier}: ${heightTo === heightFrom ? "equals do not import each other" : "imports point downward"}. Take the value or function as an argument, or move the shared part lower.`;
    }),
};

const authEntrance: Rule = {
  name: "auth-entrance",
  check: (project) =>
    eachImport(project, (module, { path, specifier }) => {
      if (!path?.startsWith("lib/auth/") || module.path.startsWith("lib/auth/")) return undefined;
      if (module.path.startsWith("app/") || isActions(module.path) || module.path.startsWith("server/"))
        return undefined;
      if (module.path === "proxy.ts") return undefined;
      // the forms of the pages before sign-in; component-imports keeps every other file out of reach
      if (module.path.startsWith("components/") && /^lib\/auth\/(actions|schema)\.ts$/.test(path)) return undefined;
      return `only pages, route handlers and actions.ts import lib/auth, not ${module.path}: take a Scope as the first argument instead of ${specifier}.`;
    }),
};

const cycles: Rule = {
  name: "cycles",
  check: (project) => {
    const state = new Map<string, "open" | "done">();
    const found: Violation[] = [];
    const visit = (module: Module, trail: string[]) => {
      state.set(module.path, "open");
      for (const imported of module.imports) {
        const target = imported.path ? project.get(imported.path) : undefined;
        if (!target) continue;
        if (state.get(target.path) === "open")
          found.push(cycleViolation(module, imported, [...trail, module.path], target.path));
        else if (!state.has(target.path)) visit(target, [...trail, module.path]);
      }
      state.set(module.path, "done");
    };
    for (const module of project.values()) if (!state.has(module.path)) visit(module, []);
    return found;
  },
};

function cycleViolation(module: Module, imported: Import, trail: string[], target: string): Violation {
  const circle = [...trail.slice(trail.indexOf(target)), target].join(" -> ");
  return {
    file: module.path,
    line: imported.line,
    message: `import cycle ${circle}. Move what both need into a third file below them, or use import type.`,
  };
}

const barrels: Rule = {
  name: "barrels",
  check: (project: Project) =>
    productModules(project).flatMap((module) => {
      const statements = module.program().body;
      const reExports = statements.filter(
        (statement) =>
          statement.type === "ExportAllDeclaration" ||
          (statement.type === "ExportNamedDeclaration" && statement.source),
      );
      const isIndex = /(^|\/)index\.tsx?$/.test(module.path);
      const first = reExports[0];
      if (!first || (!isIndex && reExports.length < statements.length)) return [];
      return [
        {
          file: module.path,
          line: module.lineAt(first.start),
          message:
            "this file only passes on other files' exports (a barrel). Delete it and import from the file that owns the name.",
        },
      ];
    }),
};

export const layerRules: readonly Rule[] = [layers, componentImports, domains, authEntrance, cycles, barrels];

function layerOf(path: string): string {
  if (path.startsWith("prisma/generated")) return "prisma/generated";
  return path.includes("/") ? String(path.split("/")[0]) : "root";
}

/** The folder under lib, or undefined for a leaf. */
export function domainOf(path: string): string | undefined {
  return isLeafFile(path) ? undefined : path.split("/")[1];
}

function isLeafFile(path: string): boolean {
  return LEAVES_IN_DOMAINS.includes(path) || /^lib\/[^/]+$/.test(path);
}

function isActions(path: string): boolean {
  return /^lib\/[^/]+\/(admin-)?actions\.ts$/.test(path);
}
