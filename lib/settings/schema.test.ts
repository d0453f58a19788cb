import { describe, expect, test } from "vitest";
import { settingsPatch } from "@/lib/settings/schema";

describe("the address of a legal text", () => {
  test.each(["https://example.com/terms", "http://10.0.0.5/privacy", ""])("may be %o", (termsUrl) => {
    expect(settingsPatch.parse({ termsUrl })).toEqual({ termsUrl });
  });

  test.each(["javascript:alert(1)", "/terms", "example.com", "data:text/html,x"])("may not be %o", (termsUrl) => {
    expect(settingsPatch.safeParse({ termsUrl }).success).toBe(false);
  });
});
