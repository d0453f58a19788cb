import { AppError } from "@/lib/errors";
import type { RelayBody } from "@/lib/gateway/units/unit";

/** A multipart body, in any order of its fields. Throws invalid_request for one that cannot be read. */
export async function parseMultipart(body: Buffer, contentType: string | undefined): Promise<FormData> {
  if (!/^multipart\/form-data;/i.test(contentType ?? ""))
    throw new AppError("unsupported_media_type", "Send this request as multipart/form-data.");
  try {
    return await new Response(new Uint8Array(body), { headers: { "content-type": contentType ?? "" } }).formData();
  } catch {
    throw new AppError("invalid_request", "The multipart body cannot be read. Check its boundary.");
  }
}

/** The same form with another model, as bytes. */
export async function relayForm(form: FormData, upstreamModel: string): Promise<RelayBody> {
  const sent = new FormData();
  for (const [name, value] of form) if (name !== "model") sent.append(name, value as string & Blob);
  sent.set("model", upstreamModel);
  const response = new Response(sent);
  return {
    body: new Uint8Array(await response.arrayBuffer()),
    // made by the form with its own boundary
    contentType: response.headers.get("content-type") ?? "multipart/form-data",
  };
}

export function textField(form: FormData, name: string): string | undefined {
  const value = form.get(name);
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** All files under a name; clients of lists write `name[]`. Throws invalid_request where there is none. */
export function filesOf(form: FormData, name: string): File[] {
  const files = [...form.getAll(name), ...form.getAll(`${name}[]`)].filter((value) => typeof value !== "string");
  if (files.length === 0)
    throw new AppError("invalid_request", `"${name}" is missing: attach a file.`, { param: name });
  return files as File[];
}
