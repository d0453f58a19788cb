import { AppError } from "@/lib/errors";
import type { JsonObject } from "@/lib/gateway/json-body";
import { OURS_TO_DECIDE } from "@/lib/gateway/routing/hints";
import { streamRefused } from "@/lib/gateway/units/fields";
import type { RelayBody } from "@/lib/gateway/units/unit";

/** A multipart body, in any order of its fields, of which a stream is no part any more. Throws invalid_request for one that
 *  cannot be read or gives a field twice, and unsupported_parameter for one that asks for a stream. */
export async function parseMultipart(body: Buffer, contentType: string | undefined): Promise<FormData> {
  const form = await readForm(body, contentType);
  const asked = textField(form, "stream");
  if (asked !== undefined && asked !== "false") throw streamRefused();
  for (const name of ["stream", "partial_images"]) form.delete(name);
  // one of two would be looked at here, and the other one perhaps upstream
  const twice = [...form.keys()].find((name, index, all) => all.indexOf(name) < index && !isList(name));
  if (twice !== undefined)
    throw new AppError("invalid_request", `"${twice}" is given twice: give it once.`, { param: twice });
  return form;
}

function isList(name: string): boolean {
  return name.endsWith("[]") || name === "image";
}

async function readForm(body: Buffer, contentType: string | undefined): Promise<FormData> {
  if (!/^multipart\/form-data;/i.test(contentType ?? ""))
    throw new AppError("unsupported_media_type", "Send this request as multipart/form-data.");
  try {
    return await new Response(new Uint8Array(body), { headers: { "content-type": contentType ?? "" } }).formData();
  } catch {
    throw new AppError("invalid_request", "The multipart body cannot be read. Check its boundary.");
  }
}

/** What says where a call goes; SDKs write lists and objects with brackets. */
const ROUTING = new RegExp(`^(model|${OURS_TO_DECIDE.join("|")})(\\[|$)`);

/** The fields of a form that say where its call goes, as a JSON body has them. */
export function routingFields(form: FormData): JsonObject {
  const list = (name: string) => form.getAll(`${name}[]`);
  return {
    ...{ model: textField(form, "model"), user: textField(form, "user"), models: list("models") },
    provider: {
      ...{ order: list("provider[order]"), only: list("provider[only]"), ignore: list("provider[ignore]") },
      allow_fallbacks: textField(form, "provider[allow_fallbacks]") !== "false",
    },
  };
}

/** The same form as bytes, with these fields instead of its own: the model at least. */
export async function relayForm(
  form: FormData,
  fields: { model: string; response_format?: string },
): Promise<RelayBody> {
  const sent = new FormData();
  for (const [name, value] of form) if (!ROUTING.test(name)) sent.append(name, value as string & Blob);
  for (const [name, value] of Object.entries(fields)) sent.set(name, value);
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
