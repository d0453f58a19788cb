import {
  Activity,
  BookOpenText,
  Boxes,
  Building2,
  ChartNoAxesColumn,
  CreditCard,
  HeartPulse,
  House,
  KeyRound,
  type LucideIcon,
  MessageSquare,
  Plug,
  ReceiptText,
  ScrollText,
  Settings,
  Tags,
  Users,
} from "lucide-react";
import type { AdminPageId, ConsolePageId } from "@/components/shell/nav";

export const CONSOLE_ICONS: Record<ConsolePageId, LucideIcon> = {
  overview: House,
  playground: MessageSquare,
  activity: Activity,
  keys: KeyRound,
  models: Boxes,
  billing: CreditCard,
  costs: ChartNoAxesColumn,
  team: Users,
  settings: Settings,
};

export const ADMIN_ICONS: Record<AdminPageId, LucideIcon> = {
  overview: ReceiptText,
  providers: Plug,
  models: Tags,
  customers: Building2,
  health: HeartPulse,
  ledger: BookOpenText,
  audit: ScrollText,
  settings: Settings,
};
