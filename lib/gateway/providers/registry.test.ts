import { expect, test } from "vitest";
import { findProviderKind, PROVIDER_KINDS } from "@/lib/catalog/provider-kinds";
import { findProvider } from "@/lib/gateway/providers/registry";

test.each(PROVIDER_KINDS)("$id is served, under its own name", ({ id, name }) => {
  expect(findProvider(id)).toMatchObject({ id, name });
});

test("a provider asks for a secret exactly where its kind takes one", () => {
  for (const { id } of PROVIDER_KINDS) {
    const definition = findProvider(id);
    if (definition)
      expect(definition.needsCredential, id).toBe(
        !["none", "optionalApiKey"].includes(findProviderKind(id)?.credential ?? ""),
      );
  }
});
