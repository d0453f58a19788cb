import { portableRoute } from "@/lib/http/portable-door";

export const dynamic = "force-dynamic";
export const DELETE = portableRoute();
export const GET = portableRoute();
export const HEAD = portableRoute();
export const OPTIONS = portableRoute();
export const PATCH = portableRoute();
export const POST = portableRoute();
export const PUT = portableRoute();
