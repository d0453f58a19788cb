import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { entranceRules } from "@/lib/architecture/entrances";
import { layerRules } from "@/lib/architecture/layers";
import { ownerRules } from "@/lib/architecture/owners";
import { PLANTS } from "@/lib/architecture/plants";
import { shapeRules } from "@/lib/architecture/shape";
import { parseProject, type Rule, readSources } from "@/lib/architecture/source";

const RULES: readonly Rule[] = [...layerRules, ...ownerRules, ...entranceRules, ...shapeRules];
const repository = parseProject(readSources(fileURLToPath(new URL("..", import.meta.url))));

describe("the repository obeys its architecture", () => {
  it.each(RULES)("$name", ({ check }) => {
    expect(check(repository).map(({ file, line, message }) => `${file}:${line} ${message}`)).toEqual([]);
  });
});

describe("each rule catches what it forbids", () => {
  it.each(PLANTS)("$rule: $title", ({ rule, files, at }) => {
    const found = RULES.find(({ name }) => name === rule)?.check(parseProject(files));
    expect(found?.map(({ file, line }) => `${file}:${line}`)).toEqual(at === null ? [] : [at]);
  });

  it("has a violation planted against every rule", () => {
    const planted = new Set(PLANTS.filter(({ at }) => at !== null).map(({ rule }) => rule));
    expect(RULES.map(({ name }) => name).filter((name) => !planted.has(name))).toEqual([]);
  });
});
