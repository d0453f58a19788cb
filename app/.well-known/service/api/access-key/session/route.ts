import { accessKeySessions } from "@/lib/auth/connect-route";

export const dynamic = "force-dynamic";
export const { GET, POST, DELETE } = accessKeySessions();
