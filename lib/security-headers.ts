/** The nonce travels from the proxy to the page in this request header. */
export const NONCE_HEADER = "x-nonce";
/** Path and query of the page, for the way back after signing in; set by the proxy alone. */
export const PATH_HEADER = "x-hub-path";

const TWO_YEARS_SECONDS = 63_072_000;
const NO_FEATURES = [
  "accelerometer",
  "camera",
  "display-capture",
  "geolocation",
  "gyroscope",
  "microphone",
  "midi",
  "payment",
  "usb",
];

/** Nothing but our own origin, and only scripts that carry this response's nonce or were loaded by one that does.
 *  Positioned popups and charts need style attributes. `devServer` loosens what `next dev` cannot do without. */
export function contentSecurityPolicy(nonce: string, devServer = false): string {
  return [
    "default-src 'none'",
    `script-src 'nonce-${nonce}' 'strict-dynamic'${devServer ? " 'unsafe-eval'" : ""}`,
    `style-src 'self' ${devServer ? "'unsafe-inline'" : `'nonce-${nonce}'`}`,
    "style-src-attr 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "object-src 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

/** Headers of every page. HSTS only over https: over http it means nothing, or locks people out of a local hub. */
export function pageHeaders(request: { nonce: string; https: boolean; devServer?: boolean }): Record<string, string> {
  return {
    "Content-Security-Policy": contentSecurityPolicy(request.nonce, request.devServer),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": NO_FEATURES.map((feature) => `${feature}=()`).join(", "),
    ...(request.https && { "Strict-Transport-Security": `max-age=${TWO_YEARS_SECONDS}` }),
  };
}
