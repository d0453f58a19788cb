import { isNode, type Project, productModules, type Rule, type Violation, walk } from "./source";

const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*$/;
/** Next's own folder forms: [param], [...rest], [[...rest]], (group), @slot, _private. */
const NEXT_FOLDER = /^(\[{1,2}(\.\.\.)?[a-z][a-zA-Z]*\]{1,2}|\([a-z-]+\)|@[a-z-]+|_[a-z-]+)$/;
/** Paths that published clients ask for; Next wants a first underscore encoded. */
const GIVEN_FOLDERS = ["%5F_blocklet__.js", ".well-known"];
const NEXT_PATH_FILE = /^[a-z0-9]+([.-][a-z0-9]+)*$/;
const VAGUE = /^(utils?|helpers?|services?|types|misc|common|shared)$/;

const names: Rule = {
  name: "names",
  check: (project: Project) =>
    [...project.keys()].flatMap((path): Violation[] => {
      const at = (message: string) => [{ file: path, line: 1, message }];
      const parts = path.split("/");
      const file = String(parts.pop());
      const stem = file.replace(/\.[a-z]+$/, "").replace(/(\.[a-z-]+)*$/, "");
      const badFolder = parts.find(
        (part) =>
          !KEBAB.test(part) &&
          !(
            parts[0] === "app" &&
            (NEXT_FOLDER.test(part) || NEXT_PATH_FILE.test(part) || GIVEN_FOLDERS.includes(part))
          ),
      );
      if (badFolder) return at(`folder "${badFolder}" is not kebab-case.`);
      if (!KEBAB.test(stem))
        return at(`file "${file}" is not kebab-case: rename it, for example to "${toKebab(stem)}".`);
      const isGiven = parts.some((part) => GIVEN_FOLDERS.includes(part));
      const vague = isGiven ? undefined : [...parts, stem].find((part) => VAGUE.test(part));
      if (!vague || path === "lib/utils.ts" || path === "lib/utils.test.ts") return [];
      return at(
        `"${vague}" says nothing about what is inside: name the file for its concept, or put the function beside its only user.`,
      );
    }),
};

function toKebab(stem: string): string {
  return stem
    .replace(/([a-z0-9])([A-Z])/g, "$1-$2")
    .replace(/_/g, "-")
    .toLowerCase();
}

/** Money is a bigint: a `number` loses cents above 2^53 nano-USD, about nine million dollars, and rounds fractions before that. */
const money: Rule = {
  name: "money",
  check: (project: Project) =>
    productModules(project).flatMap((module) => {
      if (!module.source.includes("Nano")) return [];
      const lines = new Set<number>();
      walk(module, (node) => {
        const named = isNode(node.key) ? node.key : isNode(node.id) ? node.id : node;
        const name = typeof named.name === "string" ? named.name : "";
        if (!/^nano$|Nano$/.test(name)) return;
        const type = node.typeAnnotation ?? (node.type === "FunctionDeclaration" ? node.returnType : undefined);
        const value =
          node.type === "VariableDeclarator" ? node.init : node.type === "Property" ? node.value : undefined;
        if (mentionsNumber(type) || isNumberValue(value)) lines.add(module.lineAt(node.start));
      });
      return [...lines].map((line) => ({
        file: module.path,
        line,
        message:
          "an amount in nano-USD is a bigint (type Nano), never a number. Convert with parseUsd, toNano or formatUsd of lib/money.ts.",
      }));
    }),
};

/** `number` itself, or a union with it; not a function or object that happens to hold one. */
function mentionsNumber(type: unknown): boolean {
  if (!isNode(type)) return false;
  if (type.type === "TSNumberKeyword") return true;
  if (type.type === "TSUnionType") return Array.isArray(type.types) && type.types.some(mentionsNumber);
  return type.type === "TSTypeAnnotation" && mentionsNumber(type.typeAnnotation);
}

function isNumberValue(value: unknown): boolean {
  if (!isNode(value)) return false;
  if (value.type === "Literal") return typeof value.value === "number";
  if (value.type !== "CallExpression" || !isNode(value.callee)) return false;
  return /^(Number|parseInt|parseFloat)$/.test(String(value.callee.name));
}

/** Text that becomes SQL is constant: values travel as parameters. */
const sql: Rule = {
  name: "sql",
  check: (project: Project) =>
    productModules(project).flatMap((module) =>
      [...module.source.matchAll(/\$(?:query|execute)RawUnsafe\b/g)].map((match) => ({
        file: module.path,
        line: module.lineAt(match.index),
        message: `${match[0]} splices text into SQL. Use the tagged form ($queryRaw\`…\`) or a pg statement with parameters.`,
      })),
    ),
};

export const shapeRules: readonly Rule[] = [names, money, sql];
