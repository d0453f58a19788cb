import { expect, test } from "vitest";
import { EXCLUSIONS, MATRIX_DIALECTS, MATRIX_FEATURES, MATRIX_KINDS } from "@/lib/catalog/compatibility";
import { COLUMNS, describeMatrix } from "./matrix-suite";

test("the columns are all dialects, and each exclusion is of cells that exist", () => {
  expect(COLUMNS.map(({ name }) => name)).toEqual(MATRIX_DIALECTS);
  for (const { kind, dialects = [], features } of EXCLUSIONS) {
    if (kind) expect(MATRIX_KINDS).toContain(kind);
    for (const dialect of dialects) expect(MATRIX_DIALECTS).toContain(dialect);
    for (const feature of features) expect(MATRIX_FEATURES).toContain(feature);
  }
});

describeMatrix("fast");
