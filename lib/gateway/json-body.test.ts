import "@/e2e/support/property";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { AppError } from "@/lib/errors";
import { parseJsonObject } from "@/lib/gateway/json-body";

const parse = (text: string | Buffer) => parseJsonObject(Buffer.from(text));

function refusal(text: string): AppError {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof AppError) return error;
  }
  throw new Error("was not refused");
}

test("any JSON object reads as itself", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })), (value) => {
      const text = JSON.stringify(value);
      fc.pre(!/"(__proto__|constructor)"/.test(text));
      return JSON.stringify(parse(text)) === JSON.stringify(JSON.parse(text));
    }),
  );
});

test("a byte-order mark is no part of it", () => {
  expect(parse('\uFEFF{"a":"é"}')).toEqual({ a: "é" });
});

it.each(["", "\uFEFF", " ", "{", '{"a":}', "{'a':1}", '{"a":1}x', "NaN", "undefined"])("%j is broken JSON", (text) => {
  expect(refusal(text)).toMatchObject({ code: "invalid_json", status: 400 });
});

test("the message repeats nothing of the body", () => {
  expect(refusal('{"secret": hunter2}').message).not.toContain("hunter2");
});

it.each(["null", "5", '"text"', "[]", "[{}]", "true"])("%s is no object", (text) => {
  expect(refusal(text)).toMatchObject({ code: "invalid_request", status: 400 });
});

describe("keys that could reach a prototype are dropped at every depth", () => {
  it.each(["__proto__", "constructor"])("%s", (name) => {
    const way = '{"prototype":{"polluted":1}}';
    const value = parse(`{"a":1,"${name}":${way},"list":[{"${name}":${way},"b":2}]}`);
    expect(value).toEqual({ a: 1, list: [{ b: 2 }] });
    expect(Object.hasOwn(value, name)).toBe(false);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

test("properties that are only called so stay", () => {
  const schema = '{"properties":{"constructor":{"type":"string"},"prototype":{"type":"string"}}}';
  expect(JSON.stringify(parse(schema))).toBe(schema);
});

test("integers that no number holds keep their digits, also beside a broken half of one", () => {
  const text =
    '{"seed":9223372036854775807,"a":[-1234567890123456789,12345678901234567.5,{"id":10765432100123456789}]}';
  expect(JSON.stringify(parse(text))).toBe(text.replace("12345678901234567.5", "12345678901234568"));
  expect(parse('{"max_tokens":9223372036854775807,"n":1}')).toEqual({ max_tokens: 2 ** 63, n: 1 });
  expect(parse('{"text":"1234567890123456789"}')).toEqual({ text: "1234567890123456789" });
});

test("a long run of digits in a text is a text", () => {
  const text = "1234567890".repeat(2_000_000);
  expect(parse(`{"text":"${text}"}`).text).toHaveLength(text.length);
});

test("digits are kept in long bodies, but not beside more values than the slower parser may take", () => {
  const [numbers, id] = [Array.from({ length: 60_000 }, (_, i) => i % 10).join(), "9223372036854775807"];
  const long = `{"input":[${numbers}],"seed":${id}}`;
  expect(JSON.stringify(parse(long))).toBe(long);
  const many = `{"input":[${numbers},${numbers}],"user":"${id}","share":0.${id}}`;
  expect(parse(many).user).toBe(id);
  expect(refusal(many.replace(`"${id}"`, id))).toMatchObject({ code: "invalid_request", status: 400 });
});

describe("absurd shapes", () => {
  const nested = (depth: number, open: string, close: string) =>
    `{"a":${open.repeat(depth - 1)}1${close.repeat(depth - 1)}}`;

  it.each([
    ["objects", '{"a":', "}"],
    ["lists", "[", "]"],
  ])("%s may be 64 deep and no deeper", (_title, open, close) => {
    expect(() => parse(nested(64, open, close))).not.toThrow();
    expect(refusal(nested(65, open, close)).code).toBe("invalid_request");
  });

  test("ten million brackets and a million keys are refused before the parser takes its seconds over them", () => {
    const brackets = `{"a":${"[".repeat(10_000_000)}${"]".repeat(10_000_000)}}`;
    const keys = `{${Array.from({ length: 1_000_000 }, (_, i) => `"${i}":0`).join()}}`;
    const start = performance.now();
    for (const body of [brackets, keys]) expect(refusal(body).code).toBe("invalid_request");
    expect(performance.now() - start).toBeLessThan(1_000);
  });

  test("brackets, colons and escaped quotes in texts count for nothing", () => {
    const text = `"${"{[:".repeat(20_000)}\\`;
    expect(parse(JSON.stringify({ text, [text]: text }))).toEqual({ text, [text]: text });
  });

  test("10,000 keys and no more, over all objects", () => {
    const object = (keys: number) => Object.fromEntries(Array.from({ length: keys }, (_, i) => [`k${i}`, 1]));
    expect(() => parse(JSON.stringify({ ...object(4_999), list: [object(5_000)] }))).not.toThrow();
    expect(refusal(JSON.stringify({ ...object(5_000), list: [object(5_000)] })).code).toBe("invalid_request");
  });
});
