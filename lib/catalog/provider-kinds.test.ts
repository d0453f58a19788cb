import { expect, test } from "vitest";
import { effectiveBaseUrl, PROVIDER_KINDS, sealingOrigin } from "@/lib/catalog/provider-kinds";
import { assertEgressUrl } from "@/lib/egress";

test("twelve kinds, each with a legal default address", () => {
  expect(PROVIDER_KINDS).toHaveLength(12);
  for (const { defaultBaseUrl } of PROVIDER_KINDS)
    if (defaultBaseUrl) expect(assertEgressUrl("operator", defaultBaseUrl).href).toContain("//");
});

test("a base URL replaces the default and loses its trailing slash", () => {
  expect(effectiveBaseUrl({ kind: "openai", baseUrl: null, region: null })).toBe("https://api.openai.com/v1");
  expect(effectiveBaseUrl({ kind: "openai", baseUrl: "http://127.0.0.1:9/v1/", region: null })).toBe(
    "http://127.0.0.1:9/v1",
  );
  expect(effectiveBaseUrl({ kind: "bedrock", baseUrl: null, region: "eu-west-1" })).toBe(
    "https://bedrock-runtime.eu-west-1.amazonaws.com",
  );
  expect(effectiveBaseUrl({ kind: "sandbox", baseUrl: null, region: null })).toBeNull();
});

test("secrets are bound to the origin, not to the path", () => {
  const openai = { kind: "openai", baseUrl: null, region: null };
  expect(sealingOrigin(openai)).toBe("https://api.openai.com");
  expect(sealingOrigin({ ...openai, baseUrl: "https://api.openai.com/v2" })).toBe(sealingOrigin(openai));
  expect(sealingOrigin({ ...openai, baseUrl: "https://evil.example/v1" })).not.toBe(sealingOrigin(openai));
  expect(sealingOrigin({ kind: "bedrock", baseUrl: null, region: "us-east-1" })).toBe(
    sealingOrigin({ kind: "bedrock", baseUrl: null, region: "eu-west-1" }),
  );
});
