import { describe, expect, it, test } from "vitest";
import { AppError } from "@/lib/errors";
import { presentedKey } from "@/lib/keys/authenticate";
import { generateKey } from "@/lib/keys/secret";

const key = generateKey("sk");
const other = generateKey("sk");

const present = (headers: Record<string, string>, query = "") =>
  presentedKey({ headers, query: new URLSearchParams(query), remoteAddress: null });

function refusal(headers: Record<string, string>, query = ""): AppError {
  try {
    present(headers, query);
  } catch (error) {
    if (error instanceof AppError) return error;
  }
  throw new Error("was not refused");
}

describe("accepted", () => {
  it.each<[string, Record<string, string>]>([
    ["bearer", { authorization: `Bearer ${key}` }],
    ["bearer in any case", { authorization: `bEaReR ${key}` }],
    ["x-api-key", { "x-api-key": key }],
    ["api-key", { "api-key": key }],
    ["with white space around", { authorization: `  Bearer \t ${key} \n` }],
    ["with a line break behind", { "x-api-key": `${key}\r\n` }],
    ["an empty bearer falls through", { authorization: "Bearer ", "x-api-key": key }],
    ["another scheme falls through", { authorization: "Basic abc", "x-api-key": key }],
    ["a foreign bearer beside ours", { authorization: "Bearer sk-proj-abc", "x-api-key": key }],
    ["a foreign x-api-key beside ours", { authorization: `Bearer ${key}`, "x-api-key": "dummy" }],
    ["the same key twice", { authorization: `Bearer ${key}`, "x-api-key": key, "api-key": key }],
  ])("%s", (_title, headers) => {
    expect(present(headers)).toBe(key);
  });
});

describe("refused", () => {
  test("two different keys of ours", () => {
    expect(refusal({ authorization: `Bearer ${key}`, "x-api-key": other })).toMatchObject({
      code: "invalid_request",
      status: 400,
    });
  });

  it.each<[string, Record<string, string>, string, RegExp]>([
    ["nothing", {}, "", /No API key was sent/],
    ["an empty header", { "x-api-key": " " }, "", /No API key was sent/],
    ["a key in the URL", {}, `key=${key}`, /header/],
    ["another key in the URL", {}, "api_key=x", /header/],
    ["a foreign key", { authorization: "Bearer sk-proj-abc" }, "", /aigne_sk_/],
    ["a management key", { authorization: `Bearer ${generateKey("mk")}` }, "", /management key/],
    ["a damaged key", { authorization: `Bearer ${key.slice(0, -1)}` }, "", /damaged/],
    [
      "a key with a letter changed",
      { "x-api-key": `${key.slice(0, -1)}${key.endsWith("0") ? "1" : "0"}` },
      "",
      /damaged/,
    ],
    ["two keys in one header", { "x-api-key": `${key}, ${other}` }, "", /damaged/],
  ])("%s", (_title, headers, query, says) => {
    const error = refusal(headers, query);
    expect(error).toMatchObject({ code: "invalid_api_key", status: 401 });
    expect(error.message).toMatch(says);
    expect(error.message).not.toContain(key);
  });
});

test("a key in the URL does no harm beside one in a header", () => {
  expect(present({ "x-api-key": key }, "key=x")).toBe(key);
});
