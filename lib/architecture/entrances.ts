import type { ESTree } from "vite";
import { type Module, type Project, productModules, type Rule, type Violation, walk } from "./source";

/** Modules whose content must never be bundled for a browser. */
const SERVER_SECRETS = ["lib/db.ts", "lib/pg.ts", "lib/env.ts", "lib/secrets.ts"];

const clientReach: Rule = {
  name: "client-reach",
  check: (project) =>
    productModules(project).flatMap((module) =>
      module.directives.includes("use client") ? reachedSecrets(project, module) : [],
    ),
};

/** Follows value imports; stops at `use server` files, which the browser sees only as references. */
function reachedSecrets(project: Project, client: Module): Violation[] {
  const seen = new Set<string>();
  const found: Violation[] = [];
  const visit = (module: Module, firstLine: number, trail: string[]) => {
    if (seen.has(module.path) || module.directives.includes("use server")) return;
    seen.add(module.path);
    if (SERVER_SECRETS.includes(module.path)) {
      const message = `a client component reaches ${module.path} (${[...trail, module.path].join(" -> ")}). Read on the server and pass plain props.`;
      found.push({ file: client.path, line: firstLine, message });
      return;
    }
    for (const imported of module.imports) {
      const target = imported.path ? project.get(imported.path) : undefined;
      if (target) visit(target, module === client ? imported.line : firstLine, [...trail, module.path]);
    }
  };
  visit(client, 1, []);
  return found;
}

const serverActions: Rule = {
  name: "server-actions",
  check: (project) =>
    productModules(project).flatMap((module) => {
      const isActionsFile = /^lib\/[^/]+\/(admin-)?actions\.ts$/.test(module.path);
      if (!isActionsFile && !module.source.includes("use server")) return [];
      if (module.directives.includes("use server") || isActionsFile) return bareActions(module, isActionsFile);
      const inline: Violation[] = [];
      walk(module, (node) => {
        if (node.directive !== "use server") return;
        inline.push({
          file: module.path,
          line: module.lineAt(node.start),
          message: "no inline server actions: export one made by action() from lib/<domain>/actions.ts.",
        });
      });
      return inline;
    }),
};

/** A rejected action in a transition takes the whole page away, and with it what was entered. */
const lostAnswers: Rule = {
  name: "lost-answers",
  check: (project) =>
    productModules(project).flatMap((module) => {
      if (!module.path.startsWith("components/")) return [];
      const actions = module.imports
        .filter(({ path }) => path && /^lib\/[^/]+\/(admin-)?actions\.ts$/.test(path))
        .flatMap(({ names }) => names);
      const found: Violation[] = [];
      walk(module, (node) => {
        const { type, argument } = node as { type?: unknown; argument?: ESTree.Expression };
        if (type !== "AwaitExpression" || argument?.type !== "CallExpression") return;
        if (argument.callee.type !== "Identifier" || !actions.includes(argument.callee.name)) return;
        found.push({
          file: module.path,
          line: module.lineAt(argument.start),
          message: `await settled(${argument.callee.name}(...)) of components/auth/settled.ts: the hub may not answer.`,
        });
      });
      return found;
    }),
};

function bareActions(module: Module, isActionsFile: boolean): Violation[] {
  const at = (line: number, message: string) => ({ file: module.path, line, message });
  if (!isActionsFile) return [at(1, "server actions live in lib/<domain>/actions.ts.")];
  if (!module.directives.includes("use server")) return [at(1, 'an actions.ts file starts with "use server".')];
  const builder = importedName(module, "lib/auth/action.ts", "action");
  return exportsOf(module)
    .filter((exported) => !builder || exported.callee !== "action")
    .map((exported) =>
      at(
        exported.line,
        `${exported.name} must be made by action(schema, mutation) of lib/auth/action.ts, which checks origin, session and input.`,
      ),
    );
}

/** Route folders and the module whose exports build their handlers. First match wins. */
const BUILDERS: readonly { folder: RegExp; builder: string }[] = [
  { folder: /^app\/api\/(admin\/|\[\[)/, builder: "lib/http/admin-api.ts" },
  { folder: /^app\/api\/console\//, builder: "lib/auth/org-route.ts" },
  { folder: /^app\/api\/auth\//, builder: "lib/auth/next-auth.ts" },
  { folder: /^app\/(\.well-known|gen-simple-access-key)\//, builder: "lib/auth/connect-route.ts" },
  { folder: /^app\/api\/webhooks\//, builder: "lib/http/stripe-webhook.ts" },
  { folder: /^app\/(api\/(v\d+|ai|user)|%5F_blocklet__\.js)\//, builder: "lib/http/portable-door.ts" },
];
/** Routes without a caller to authenticate; each line says why. */
const BARE_ROUTES: Record<string, string> = {
  "app/api/internal/health/route.ts": "the gateway asks whether web serves; it reads nothing",
  "app/api/openapi.json/route.ts": "the public description of the API; it reads nothing",
  "app/status.xml/route.ts": "the public status page as a feed",
};
const METHODS = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/;

const routeBuilders: Rule = {
  name: "route-builders",
  check: (project) =>
    productModules(project).flatMap((module) => {
      if (!/^app\/(.*\/)?route\.tsx?$/.test(module.path) || module.path in BARE_ROUTES) return [];
      const row = BUILDERS.find(({ folder }) => folder.test(module.path));
      const builders = module.imports
        .filter((imported) => imported.path === row?.builder)
        .flatMap((imported) => imported.names);
      return exportsOf(module)
        .filter(({ name, callee }) => METHODS.test(name) && !(callee && builders.includes(callee)))
        .map(({ name, line }) => ({
          file: module.path,
          line,
          message: `${name} must be made by a builder of ${row?.builder ?? "lib/http/"}, which authenticates, validates and renders errors. A route that needs none is listed with its reason in lib/architecture/entrances.ts.`,
        }));
    }),
};

type Exported = { name: string; line: number; callee: string | undefined };

/** Exported values with the function whose call made each: `export const x = callee(...)`, `export const { x } = callee(...)`. */
function exportsOf(module: Module): Exported[] {
  return module.program().body.flatMap((statement): Exported[] => {
    const line = module.lineAt(statement.start);
    if (statement.type === "ExportDefaultDeclaration") return [{ name: "default", line, callee: undefined }];
    if (statement.type !== "ExportNamedDeclaration" || statement.exportKind === "type") return [];
    const { declaration } = statement;
    if (declaration?.type === "VariableDeclaration")
      return declaration.declarations.flatMap((declarator) => declared(module, declarator));
    if (declaration && "id" in declaration && declaration.id?.type === "Identifier")
      return [{ name: declaration.id.name, line, callee: undefined }];
    return statement.specifiers.map((specifier) => ({
      name: exportedName(specifier.exported),
      line,
      callee: undefined,
    }));
  });
}

function declared(module: Module, { id, init, start }: ESTree.VariableDeclarator): Exported[] {
  const line = module.lineAt(start);
  const callee = init?.type === "CallExpression" && init.callee.type === "Identifier" ? init.callee.name : undefined;
  if (id.type === "Identifier") return [{ name: id.name, line, callee }];
  if (id.type !== "ObjectPattern") return [];
  return id.properties.flatMap((property) =>
    property.type === "Property" && property.value.type === "Identifier"
      ? [{ name: property.value.name, line, callee }]
      : [],
  );
}

function exportedName(name: ESTree.ModuleExportName): string {
  return name.type === "Literal" ? name.value : name.name;
}

function importedName(module: Module, path: string, name: string): boolean {
  return module.imports.some((imported) => imported.path === path && imported.names.includes(name));
}

export const entranceRules: readonly Rule[] = [clientReach, serverActions, lostAnswers, routeBuilders];
