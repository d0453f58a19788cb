import { toConnectPage } from "@/lib/auth/connect-route";

export const dynamic = "force-dynamic";
export const GET = toConnectPage();
