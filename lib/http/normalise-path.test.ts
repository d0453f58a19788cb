import { expect, it } from "vitest";
import { normalisePath } from "@/lib/http/normalise-path";

it.each([
  ["/", "/"],
  ["//", "/"],
  ["/api/v1/models", "/api/v1/models"],
  ["/api/v1/models/", "/api/v1/models"],
  ["//api///v1//models//", "/api/v1/models"],
  ["/api/v1/models/openai%2Fgpt-5", "/api/v1/models/openai/gpt-5"],
  ["/api/v1/models/a%3Ab%20c", "/api/v1/models/a:b c"],
  ["/api/v1/models/%E6%BC%A2", "/api/v1/models/漢"],
  ["/api/v1/models/%zz", "/api/v1/models/%zz"],
  ["/api/v1/models/%E6%BC", "/api/v1/models/%E6%BC"],
  ["/api/v1/models/100%25", "/api/v1/models/100%"],
])("%s is %s", (path, normal) => {
  expect(normalisePath(path)).toBe(normal);
});
