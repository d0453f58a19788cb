import { expect, test } from "vitest";
import { changesOf } from "@/components/keys/changed-fields";

test("only fields that differ, lists as text, what is spent left out", () => {
  const before = { name: "Bot", rpm: 5, allowedModels: [], spentUsd: "1", note: "" };
  const after = { name: "Bot", rpm: null, allowedModels: ["a", "b/*"], spentUsd: "2", note: null };
  expect(changesOf(before, after)).toEqual([
    { field: "allowedModels", before: null, after: "a, b/*" },
    { field: "rpm", before: "5", after: null },
  ]);
});

test("a row without one of its sides is read as empty", () => {
  expect(changesOf(null, { last4: "wxyz", overlapHours: 24 })).toEqual([
    { field: "last4", before: null, after: "wxyz" },
    { field: "overlapHours", before: null, after: "24" },
  ]);
});
