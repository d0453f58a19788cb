import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

type Signed = { method: string; path: string; headers: IncomingHttpHeaders; body: string };
export type KeyPair = { accessKeyId: string; secretAccessKey: string; sessionToken?: string };

/** Null where the request carries a valid Signature Version 4 of this key pair for `bedrock`; otherwise AWS's type of error. */
export function awsSignatureFault(request: Signed, key: KeyPair): string | null {
  const given =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([a-z0-9-]+)\/bedrock\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      request.headers.authorization ?? "",
    );
  if (!given) return "MissingAuthenticationTokenException";
  const [, accessKeyId = "", day = "", region = "", names = "", signature = ""] = given;
  if (accessKeyId !== key.accessKeyId) return "UnrecognizedClientException";
  if ((key.sessionToken ?? "") !== (request.headers["x-amz-security-token"] ?? ""))
    return "UnrecognizedClientException";
  const date = String(request.headers["x-amz-date"] ?? "");
  const at = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
  if (!(Math.abs(Date.now() - at) < 5 * 60_000) || !date.startsWith(day)) return "InvalidSignatureException";
  if (!names.split(";").includes("host")) return "InvalidSignatureException";

  const [rawPath = "", query = ""] = request.path.split("?");
  const canonical = [
    request.method,
    // every service but S3 signs the path encoded once more
    rawPath.split("/").map(encode).join("/"),
    query.split("&").filter(Boolean).sort().join("&"),
    ...names.split(";").map(
      (name) =>
        `${name}:${String(request.headers[name] ?? "")
          .trim()
          .replace(/ +/g, " ")}`,
    ),
    "",
    names,
    sha256(request.body),
  ].join("\n");
  const scope = `${day}/${region}/bedrock/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", date, scope, sha256(canonical)].join("\n");
  const signingKey = [day, region, "bedrock", "aws4_request"].reduce<string | Buffer>(
    (secret, part) => createHmac("sha256", secret).update(part).digest(),
    `AWS4${key.secretAccessKey}`,
  );
  const expected = createHmac("sha256", signingKey).update(text).digest();
  return timingSafeEqual(expected, Buffer.from(signature, "hex")) ? null : "InvalidSignatureException";
}

function encode(segment: string): string {
  return encodeURIComponent(segment).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
