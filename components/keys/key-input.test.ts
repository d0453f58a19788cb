import { expect, test } from "vitest";
import { keyInputOf } from "@/components/keys/key-input";
import { keyInput } from "@/lib/keys/schema";

function form(fields: Record<string, string>): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.set(name, value);
  return data;
}

test("empty fields remove a limit, so that an edit takes away what it shows as gone", () => {
  expect(keyInputOf(form({ name: " Bot " }))).toEqual({
    name: "Bot",
    budgetUsd: null,
    dailyCapUsd: null,
    rpm: null,
    tpm: null,
    maxConcurrency: null,
    allowedModels: [],
    allowedIps: [],
    expiresAt: null,
    note: "",
  });
});

test("lists are split at spaces, lines and commas; amounts stay text", () => {
  const input = keyInputOf(
    form({
      name: "Bot",
      budgetUsd: "2.50",
      budgetPeriod: "week",
      allowedModels: "a\nb/*, c",
      allowedIps: "10.0.0.0/8 ::1",
    }),
  );
  expect(input).toMatchObject({
    budgetUsd: "2.50",
    budgetPeriod: "week",
    allowedModels: ["a", "b/*", "c"],
    allowedIps: ["10.0.0.0/8", "::1"],
  });
  expect(keyInput.parse(input).budgetUsd).toBe(2_500_000_000n);
});

test("a budget of the day takes the cap's place", () => {
  const fields = { name: "Bot", budgetUsd: "2", dailyCapUsd: "5" };
  expect(keyInputOf(form({ ...fields, budgetPeriod: "day" }))).not.toHaveProperty("dailyCapUsd");
  expect(keyInputOf(form({ ...fields, budgetPeriod: "month" })).dailyCapUsd).toBe("5");
});

test("a number that is none is refused with its field", () => {
  const refused = keyInput.safeParse(keyInputOf(form({ name: "Bot", rpm: "many" })));
  expect(refused.error?.issues.map(({ path }) => path.join("."))).toEqual(["rpm"]);
});

test("an expiry that was not touched keeps its time of day", () => {
  const at = "2026-12-01T15:30:00.000Z";
  expect(keyInputOf(form({ name: "Bot", expiresAt: "2026-12-01" }), at).expiresAt).toBe(at);
  expect(keyInputOf(form({ name: "Bot", expiresAt: "2026-12-02" }), at).expiresAt).toBe("2026-12-02");
});
