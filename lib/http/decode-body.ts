import { promisify } from "node:util";
import zlib from "node:zlib";
import { AppError } from "@/lib/errors";

type Decoder = (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>;

const DECODERS: ReadonlyMap<string, Decoder> = new Map([
  ["gzip", promisify(zlib.gunzip) as Decoder],
  ["x-gzip", promisify(zlib.gunzip) as Decoder],
  ["deflate", promisify(zlib.inflate) as Decoder],
  ["br", promisify(zlib.brotliDecompress) as Decoder],
  ["zstd", promisify(zlib.zstdDecompress) as Decoder],
]);
const MAX_EXPANSION = 20;
/** Small bodies may expand further than 20 times without harm. */
const FREE_BYTES = 64 * 1024;

/** Undoes `content-encoding`, bounded by size and ratio, so that a small body cannot become a large one in memory.
 *  Throws unsupported_media_type, request_too_large, and invalid_request for broken data. */
export async function decodeBody(bytes: Buffer, encoding: string | undefined, limitBytes: number): Promise<Buffer> {
  const name = encoding?.trim().toLowerCase();
  if (!name || name === "identity") return bytes;
  const decode = DECODERS.get(name);
  if (!decode) {
    throw new AppError(
      "unsupported_media_type",
      `Content-Encoding "${name.slice(0, 50)}" is not supported. Use gzip, deflate, br, zstd or none.`,
    );
  }
  const maxOutputLength = Math.min(limitBytes, Math.max(FREE_BYTES, bytes.length * MAX_EXPANSION));
  try {
    return await decode(bytes, { maxOutputLength });
  } catch (error) {
    if ((error as { code?: string }).code === "ERR_BUFFER_TOO_LARGE")
      throw new AppError("request_too_large", "The decompressed request body is too large.");
    throw new AppError("invalid_request", `The request body is not valid ${name} data.`);
  }
}
