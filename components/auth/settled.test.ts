import { expect, it } from "vitest";
import { settled } from "@/components/auth/settled";

it("makes a refusal of an action that nobody answered", async () => {
  expect(await settled(Promise.reject(new TypeError("Failed to fetch")))).toEqual({
    ok: false,
    error: { code: "unavailable", message: "" },
  });
});

it("answers nothing where the action leads to another page", async () => {
  const redirect = Object.assign(new Error("NEXT_REDIRECT"), { digest: "NEXT_REDIRECT;push;/acme;307;" });
  expect(await settled(Promise.reject(redirect))).toBeNull();
});
