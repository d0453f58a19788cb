import { createHash } from "node:crypto";
import { crc32, deflateSync } from "node:zlib";
import type { EmbeddingModelV4, ImageModelV4 } from "@ai-sdk/provider";

const DIMENSIONS = 256;
const MAX_EMBEDDINGS = 512;
const PIXELS = 64;

/** Vectors of length one that depend on the words alone: texts with words in common are near each other. */
export function sandboxEmbeddingModel(modelId: string): EmbeddingModelV4 {
  return {
    ...{ specificationVersion: "v4", provider: "sandbox", modelId },
    ...{ maxEmbeddingsPerCall: MAX_EMBEDDINGS, supportsParallelCalls: true },
    async doEmbed({ values, providerOptions }) {
      const asked = providerOptions?.openai?.dimensions;
      const dimensions = typeof asked === "number" ? Math.min(asked, 4_096) : DIMENSIONS;
      return {
        embeddings: values.map((text) => embed(wordsOf(text), dimensions)),
        usage: { tokens: values.reduce((sum, text) => sum + Math.max(1, wordsOf(text).length), 0) },
        warnings: [],
      };
    },
  };
}

function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}

function embed(words: readonly string[], dimensions: number): number[] {
  const vector = new Array<number>(dimensions).fill(0);
  for (const word of words.length > 0 ? words : [""]) {
    const hash = createHash("sha256").update(word).digest();
    for (let i = 0; i < 8; i++) {
      const at = hash.readUInt16BE(i * 2) % dimensions;
      vector[at] = (vector[at] ?? 0) + (hash[16 + i] as number) / 128 - 1;
    }
  }
  const length = Math.hypot(...vector) || 1;
  return vector.map((value) => value / length);
}

/** Plain squares in a colour that the prompt decides, as PNG. */
export function sandboxImageModel(modelId: string): ImageModelV4 {
  return {
    ...{ specificationVersion: "v4", provider: "sandbox", modelId, maxImagesPerCall: 10 },
    async doGenerate({ prompt, n }) {
      const images = Array.from({ length: n }, (_, index) => square(`${prompt ?? ""}#${index}`));
      return {
        images,
        warnings: [],
        response: { timestamp: new Date(), modelId, headers: undefined },
      };
    },
  };
}

function square(seed: string): Uint8Array {
  const [red = 0, green = 0, blue = 0] = createHash("sha256").update(seed).digest();
  const header = Buffer.alloc(13);
  header.writeUInt32BE(PIXELS, 0);
  header.writeUInt32BE(PIXELS, 4);
  // 8 bits a channel, red green blue
  header.set([8, 2], 8);
  const row = Buffer.concat([Buffer.from([0]), Buffer.alloc(PIXELS * 3, Buffer.from([red, green, blue]))]);
  const pixels = deflateSync(Buffer.concat(Array.from({ length: PIXELS }, () => row)));
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", header),
    chunk("IDAT", pixels),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** Length, type, data and checksum, as the PNG specification orders them. */
function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}
