import { expect, it } from "vitest";
import { fileFromBase64, fileFromUrl } from "@/lib/gateway/dialects/file-part";

const PLACE = { mediaType: "image/*", param: "image_url" };
const bytes = (latin1: string) => Buffer.from(latin1.padEnd(24, "."), "latin1").toString("base64");
const file = (mediaType: string, data: string) => ({ type: "file", mediaType, data: { type: "data", data } });

it.each([
  ["data:image/png;base64,AAAA", "image/png", "AAAA"],
  ["DATA:IMAGE/PNG;BASE64,AAAA", "image/png", "AAAA"],
  ["data:image/png;charset=utf-8;base64,AA\nAA", "image/png", "AAAA"],
  ["data:;base64,AAAA", "image/*", "AAAA"],
  ["data:text/plain,hi%20there", "text/plain", Buffer.from("hi there").toString("base64")],
])("%s is %s", (url, mediaType, data) => {
  expect(fileFromUrl(url, PLACE)).toEqual(file(mediaType, data));
});

it.each([
  ["\x89PNG", "image/png"],
  ["\xff\xd8\xff", "image/jpeg"],
  ["GIF89a", "image/gif"],
  ["RIFF....WEBP", "image/webp"],
  ["....ftypheic", "image/heic"],
  ["....ftypavif", "image/avif"],
  ["%PDF-1.7", "application/pdf"],
  ["RIFF....WAVE", "audio/wav"],
  ["ID3", "audio/mpeg"],
  ["OggS", "audio/ogg"],
  ["fLaC", "audio/flac"],
  ["....ftypM4A ", "audio/mp4"],
  ["....ftypisom", "video/mp4"],
  ["<svg>", "image/*"],
])("bytes that begin with %j are %s, whatever is said", (magic, mediaType) => {
  expect(fileFromBase64(bytes(magic), PLACE)).toEqual(file(mediaType, bytes(magic)));
});

it("an address is handed on", () => {
  const url = "https://example.com/a.png";
  expect(fileFromUrl(url, PLACE)).toEqual({
    ...{ type: "file", mediaType: "image/*" },
    data: { type: "url", url: new URL(url) },
  });
});

it.each([undefined, "nonsense", "file:///etc/passwd", "data:image/png;base64,", "data:image/png;base64,@@", "data:,%"])(
  "%j is refused by name",
  (url) => {
    expect(() => fileFromUrl(url, PLACE)).toThrow(
      expect.objectContaining({ code: "invalid_request", details: { param: "image_url" } }),
    );
  },
);
