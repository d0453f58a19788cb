import { expect, test } from "vitest";
import { compatibilityOf } from "@/lib/catalog/compatibility";
import { PROVIDER_KINDS } from "@/lib/catalog/provider-kinds";

test("the matrix is summed up, and its notes lead to the exceptions", () => {
  const { rows, exceptions, features } = compatibilityOf(PROVIDER_KINDS);
  const cell = (id: string, dialect: string) =>
    rows.find(({ kind }) => kind.id === id)?.cells.find((candidate) => candidate.dialect === dialect);
  const reasons = (notes: number[] = []) => notes.map((note) => exceptions.find((row) => row.note === note)?.reason);
  expect(cell("anthropic", "openai-chat")).toEqual({ dialect: "openai-chat", works: features.length, notes: [] });
  expect(cell("openai", "aigne")?.works).toBe(features.length - 2);
  expect(reasons(cell("openai", "aigne")?.notes)).toEqual(["noStopOrLimit"]);
  expect(reasons(cell("ollama", "openai-responses")?.notes)).toEqual(["oneCount", "noStopWords"]);
});

test("a hub without the sandbox does not speak of it", () => {
  const { rows, exceptions } = compatibilityOf(PROVIDER_KINDS.filter(({ id }) => id !== "sandbox"));
  expect(rows.map(({ kind }) => kind.id)).not.toContain("sandbox");
  expect(exceptions.map(({ reason }) => reason)).not.toContain("noUpstream");
  expect(exceptions.map(({ note }) => note)).toEqual(exceptions.map((_row, index) => index + 1));
});
