import { parseSync } from "vite";

/** A place in the code that asks for a text. In `key`, `*` stands for a step known only at run time. */
export type MessageUse = { file: string; line: number; key: string };

type Node = { type: string; start: number; [field: string]: unknown };

const MAKERS = ["useTranslations", "getTranslations"];
const METHODS = ["rich", "markup", "raw", "has"];
/** Attributes and metadata fields whose value people read or hear. */
const SPOKEN =
  /^(alt|title|label|placeholder|text|note|description|siteName|summary|caption|aria-(label|description|roledescription|placeholder|valuetext)|\w+(Label|Title|Text))$/;
const LETTER = /\p{L}/u;

/** Every text that the file asks of next-intl, by the namespaces its translators were made with. */
export function messageUses(file: string, source: string): MessageUse[] {
  const nodes = nodesOf(file, source);
  const namespaces = new Map<string, Set<string>>();
  for (const node of nodes) {
    const made = node.type === "VariableDeclarator" ? namespaceOf(node.init as Node | null) : null;
    const name = (node.id as Node | undefined)?.name;
    if (made === null || typeof name !== "string") continue;
    namespaces.set(name, (namespaces.get(name) ?? new Set()).add(made));
  }
  return nodes.flatMap((node) => {
    if (node.type !== "CallExpression") return [];
    const spaces = namespaces.get(translatorOf(node.callee as Node) ?? "");
    const [argument] = node.arguments as Node[];
    if (!spaces || !argument) return [];
    const keys = [...spaces].flatMap((space) => keysOf(argument).map((key) => (space ? `${space}.${key}` : key)));
    return keys.map((key) => ({ file, line: lineOf(source, node.start), key }));
  });
}

/** Texts for people that stand in the code instead of in messages/: "file:line "text"". */
export function hardCodedTexts(file: string, source: string): string[] {
  const found = nodesOf(file, source).flatMap((node): Node[] => {
    if (node.type === "JSXText") return [node];
    if (node.type === "JSXElement" || node.type === "JSXFragment") return (node.children as Node[]).flatMap(literalsIn);
    if (node.type === "JSXAttribute" && SPOKEN.test(attributeName(node))) return literalsIn(node.value as Node | null);
    if (node.type === "Property" && SPOKEN.test(propertyName(node))) return literalsIn(node.value as Node);
    return [];
  });
  return found.flatMap((node) => {
    const text = textOf(node).trimStart().split("\n")[0] ?? "";
    const shown = node.type === "JSXText" ? text.trimEnd() : text;
    return LETTER.test(textOf(node)) ? [`${file}:${lineOf(source, node.start)} "${shown}"`] : [];
  });
}

/** The string literals an expression can evaluate to. */
function literalsIn(node: Node | null): Node[] {
  if (!node) return [];
  if (node.type === "Literal" && typeof node.value === "string") return [node];
  if (node.type === "TemplateLiteral") return [node];
  if (node.type === "JSXExpressionContainer") return literalsIn(node.expression as Node);
  if (node.type === "ConditionalExpression")
    return [node.consequent, node.alternate].flatMap((part) => literalsIn(part as Node));
  if (node.type === "LogicalExpression") return [node.left, node.right].flatMap((part) => literalsIn(part as Node));
  return [];
}

function textOf(node: Node): string {
  if (node.type !== "TemplateLiteral") return String(node.value);
  return (node.quasis as { value: { cooked: string } }[]).map(({ value }) => value.cooked).join("");
}

function attributeName(node: Node): string {
  const { name } = node.name as Node;
  return typeof name === "string" ? name : "";
}

function propertyName(node: Node): string {
  const key = node.key as Node;
  return node.computed ? "" : String(key.name ?? key.value);
}

/** The namespace of `useTranslations("x")` or `await getTranslations("x")`; "" for none, null for anything else. */
function namespaceOf(init: Node | null): string | null {
  const call = init?.type === "AwaitExpression" ? (init.argument as Node) : init;
  if (call?.type !== "CallExpression" || !MAKERS.includes(String((call.callee as Node).name))) return null;
  const [argument] = call.arguments as Node[];
  return argument?.type === "Literal" ? String(argument.value) : "";
}

function translatorOf(callee: Node): string | null {
  if (callee.type === "Identifier") return String(callee.name);
  if (callee.type !== "MemberExpression" || !METHODS.includes(String((callee.property as Node).name))) return null;
  return String((callee.object as Node).name);
}

function keysOf(argument: Node): string[] {
  if (argument.type === "Literal") return [String(argument.value)];
  if (argument.type === "TSAsExpression") return keysOf(argument.expression as Node);
  if (argument.type === "ConditionalExpression")
    return [argument.consequent, argument.alternate].flatMap((part) => keysOf(part as Node));
  if (argument.type !== "TemplateLiteral") return ["*"];
  return [(argument.quasis as { value: { cooked: string } }[]).map(({ value }) => value.cooked).join("*")];
}

/** All nodes of a file, outer before inner, types left out. */
function nodesOf(file: string, source: string): Node[] {
  const { program, errors } = parseSync(file, source);
  if (errors.length > 0) throw new Error(`${file} does not parse: ${errors[0]?.message}`);
  const nodes: Node[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) visit(item);
    if (typeof value !== "object" || value === null || !("type" in value)) return;
    const node = value as Node;
    if (node.type.startsWith("TSType") || node.type.startsWith("TSInterface")) return;
    nodes.push(node);
    for (const field in node) visit(node[field]);
  };
  visit(program);
  return nodes;
}

function lineOf(source: string, offset: number): number {
  return source.slice(0, offset).split("\n").length;
}
