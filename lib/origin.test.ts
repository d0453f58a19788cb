import { expect, it } from "vitest";
import { publicOrigin } from "@/lib/origin";

it.each([
  [{ host: "hub.test:3000" }, "http://hub.test:3000"],
  [
    { host: "127.0.0.1:3001", "x-forwarded-host": "Hub.Example.com", "x-forwarded-proto": "https" },
    "https://hub.example.com",
  ],
  [{ "x-forwarded-host": "a.example, b.example", "x-forwarded-proto": "https, http" }, "https://a.example"],
  [{ host: "[::1]:3000" }, "http://[::1]:3000"],
  [{ host: 'x" onload="alert(1)' }, "http://localhost"],
  [{ host: "evil.example/path" }, "http://localhost"],
  [{}, "http://localhost"],
])("takes %o for %s", (headers, origin) => {
  expect(publicOrigin(new Headers(headers))).toBe(origin);
});

it("prefers the configured address", () => {
  expect(publicOrigin(new Headers({ host: "other.test" }), "https://hub.example.com/")).toBe("https://hub.example.com");
});
