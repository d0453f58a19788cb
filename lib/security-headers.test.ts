import { describe, expect, it } from "vitest";
import { contentSecurityPolicy, pageHeaders } from "@/lib/security-headers";

describe("contentSecurityPolicy", () => {
  it("names the nonce for scripts and styles and allows no other origin", () => {
    const policy = contentSecurityPolicy("abc");
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'nonce-abc' 'strict-dynamic';");
    expect(policy).toContain("style-src 'self' 'nonce-abc';");
    expect(policy).not.toMatch(/https?:|\*|unsafe-eval/);
    expect(policy.replace("style-src-attr 'unsafe-inline'", "")).not.toContain("unsafe-inline");
  });

  it("loosens scripts and styles under next dev only", () => {
    expect(contentSecurityPolicy("abc", true)).toContain("'unsafe-eval'");
  });
});

describe("pageHeaders", () => {
  it("sends HSTS of at least one year over https and none over http", () => {
    const hsts = pageHeaders({ nonce: "n", https: true })["Strict-Transport-Security"];
    expect(Number(/max-age=(\d+)/.exec(hsts ?? "")?.[1])).toBeGreaterThanOrEqual(31_536_000);
    expect(pageHeaders({ nonce: "n", https: false })).not.toHaveProperty("Strict-Transport-Security");
  });

  it("always sends the rest", () => {
    expect(pageHeaders({ nonce: "n", https: false })).toMatchObject({
      "X-Content-Type-Options": "nosniff",
      "Referrer-Policy": "strict-origin-when-cross-origin",
      "Cross-Origin-Opener-Policy": "same-origin",
      "Permissions-Policy": expect.stringContaining("camera=()"),
    });
  });
});
