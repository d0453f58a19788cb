import { expect, test } from "vitest";
import { isCommonPassword } from "@/lib/common-passwords";
import { passwordStrength } from "@/lib/password-strength";

test.each([
  "passwordpassword",
  "Password123456",
  "P@ssw0rd123!",
  "welcome12345!",
  "Summer2026!!!",
  "iloveyou2024",
  "qwertyuiop123",
  "1qaz2wsx3edc",
  "1234567890123",
  "abcdefghijkl",
  "zyxwvutsrqpo",
  "aaaaaaaaaaaa",
  "abababababab",
  "abc123abc123",
  "letmein letmein",
  "Admin_Admin_2025",
  "changeme-changeme",
  "mypassword is secret",
  "passwort1234",
  "woaini1314520",
  "aigne-hub-2026",
  "liverpool-2005",
])("%s is refused", (password) => {
  expect(isCommonPassword(password)).toBe(true);
  expect(passwordStrength(password)).toBe("common");
});

test.each([
  "correct horse battery staple",
  "a new and longer password",
  "vK3#pZq9!mTw",
  "blaue Elefanten tanzen",
  "我的密码是一个很长的句子啊",
  "tr0ub4dor&3 zebra",
])("%s passes", (password) => {
  expect(isCommonPassword(password)).toBe(false);
});

test("the meter grows with length and variety", () => {
  expect(["short", "mauve lantern", "mauve lantern kiln", "mauve lantern kiln Otter 7"].map(passwordStrength)).toEqual([
    "short",
    "fair",
    "good",
    "strong",
  ]);
});
