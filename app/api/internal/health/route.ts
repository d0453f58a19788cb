/** The supervisor and the gateway's readiness check ask whether this process serves at all. */
export function GET(): Response {
  return Response.json({ ok: true }, { headers: { "cache-control": "no-store" } });
}
