import { type NextRequest, NextResponse } from "next/server";
import { isLocale, LOCALE_COOKIE, LOCALE_COOKIE_SECONDS, LOCALE_HEADER, LOCALE_PARAMETER } from "@/lib/locale";
import { NONCE_HEADER, PATH_HEADER, pageHeaders } from "@/lib/security-headers";

/** Set by next.config.ts at build time. */
declare const NEXT_DEV_SERVER: boolean;

/** Headers, nothing else: who may see a page is decided beside its data. */
export function proxy(request: NextRequest): NextResponse {
  const nonce = Buffer.from(crypto.randomUUID()).toString("base64");
  const https = (request.headers.get("x-forwarded-proto") ?? request.nextUrl.protocol).startsWith("https");
  const headers = pageHeaders({ nonce, https, devServer: NEXT_DEV_SERVER });

  const forwarded = new Headers(request.headers);
  forwarded.set(NONCE_HEADER, nonce);
  forwarded.set(PATH_HEADER, request.nextUrl.pathname + request.nextUrl.search);
  // Next reads the nonce for its own scripts from here.
  forwarded.set("Content-Security-Policy", headers["Content-Security-Policy"] ?? "");
  const lang = request.nextUrl.searchParams.get(LOCALE_PARAMETER);
  if (isLocale(lang)) forwarded.set(LOCALE_HEADER, lang);
  else forwarded.delete(LOCALE_HEADER);

  const response = NextResponse.next({ request: { headers: forwarded } });
  for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
  // Kept, as the next page has no parameter and would otherwise answer in another language inside the same layout.
  if (isLocale(lang)) {
    response.cookies.set(LOCALE_COOKIE, lang, {
      maxAge: LOCALE_COOKIE_SECONDS,
      path: "/",
      sameSite: "lax",
      secure: https,
    });
  }
  return response;
}

export const config = {
  // Bodies over 10 MB are cut off where this matches, so never /api.
  matcher: ["/((?!api(?:/|$)|_next/static/).*)"],
};
