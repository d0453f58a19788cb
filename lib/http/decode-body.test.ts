import zlib from "node:zlib";
import { describe, expect, it, test } from "vitest";
import { decodeBody } from "@/lib/http/decode-body";

const LIMIT = 1024 * 1024;
const body = Buffer.from('{"text":"hällo"}');
const encode: Record<string, (bytes: Buffer) => Buffer> = {
  gzip: zlib.gzipSync,
  "x-gzip": zlib.gzipSync,
  deflate: zlib.deflateSync,
  br: zlib.brotliCompressSync,
  zstd: zlib.zstdCompressSync,
};
const NAMES = Object.keys(encode);
const encoded = (name: string, bytes: Buffer) => encode[name]?.(bytes) ?? bytes;

it.each([undefined, "", "identity", " Identity "])("%s leaves the body as it is", async (encoding) => {
  expect(await decodeBody(body, encoding, LIMIT)).toBe(body);
});

it.each(NAMES)("%s is undone, in any case", async (name) => {
  expect(await decodeBody(encoded(name, body), name, LIMIT)).toEqual(body);
  expect(await decodeBody(encoded(name, body), ` ${name.toUpperCase()} `, LIMIT)).toEqual(body);
});

it.each(["compress", "gzip, br", "utf-8", "__proto__", "constructor"])("%s is 415", async (encoding) => {
  await expect(decodeBody(body, encoding, LIMIT)).rejects.toMatchObject({
    code: "unsupported_media_type",
    status: 415,
  });
});

describe.each(NAMES)("%s", (name) => {
  test("broken data is 400", async () => {
    await expect(decodeBody(body, name, LIMIT)).rejects.toMatchObject({ code: "invalid_request", status: 400 });
    const cut = encoded(name, Buffer.alloc(1_000, "abc"));
    await expect(decodeBody(cut.subarray(0, cut.length - 5), name, LIMIT)).rejects.toMatchObject({ status: 400 });
  });

  test("a bomb is 413", async () => {
    const bomb = encoded(name, Buffer.alloc(8 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(16 * 1024);
    await expect(decodeBody(bomb, name, 20 * LIMIT)).rejects.toMatchObject({ code: "request_too_large", status: 413 });
  });

  test("more than the limit is 413 however badly it packs", async () => {
    const noise = Buffer.from(Array.from({ length: 4_000 }, (_, i) => (i * 7919) % 251));
    await expect(decodeBody(encoded(name, noise), name, 3_999)).rejects.toMatchObject({ code: "request_too_large" });
    expect(await decodeBody(encoded(name, noise), name, 4_000)).toEqual(noise);
  });
});

test("a small body may unpack more than twentyfold", async () => {
  const text = Buffer.alloc(60 * 1024, "a");
  const small = encoded("gzip", text);
  expect(text.length / small.length).toBeGreaterThan(20);
  expect(await decodeBody(small, "gzip", LIMIT)).toEqual(text);
});
