/** What a file is by its first bytes: clients often name another type, and providers then refuse it. `given` where the bytes
 *  are of no kind that is known here. `data` is base64. */
export function sniffMediaType(data: string, given: string): string {
  const bytes = Buffer.from(data.slice(0, 24), "base64").toString("latin1");
  return MAGIC.find(([pattern]) => pattern.test(bytes))?.[1] ?? given;
}

const MAGIC: readonly [RegExp, string][] = [
  [/^\x89PNG/, "image/png"],
  [/^\xff\xd8\xff/, "image/jpeg"],
  [/^GIF8[79]a/, "image/gif"],
  [/^RIFF[\s\S]{4}WEBP/, "image/webp"],
  [/^[\s\S]{4}ftyp(?:heic|heix|mif1)/, "image/heic"],
  [/^[\s\S]{4}ftypavif/, "image/avif"],
  [/^%PDF-/, "application/pdf"],
  [/^RIFF[\s\S]{4}WAVE/, "audio/wav"],
  [/^ID3|^\xff[\xfb\xf3\xf2]/, "audio/mpeg"],
  [/^OggS/, "audio/ogg"],
  [/^fLaC/, "audio/flac"],
  [/^[\s\S]{4}ftypM4A/, "audio/mp4"],
  [/^[\s\S]{4}ftyp(?:isom|mp4|avc1|iso[2-6])/, "video/mp4"],
];
