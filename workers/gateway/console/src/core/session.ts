// Whose session the browser has, and what may be done with it. The server decides anyway; this only keeps away what it
// would refuse.
import { computed, signal } from "@preact/signals";
import { api, Problem, sessionEnded } from "./api.ts";
import { setLanguage } from "./i18n.ts";

export interface Me {
  permissions: string[];
  tenant_role: string;
  tenants: { tenant_id: string; slug: string; role: string }[];
  email_verified: boolean;
  user: { id: string; email: string; first_name: string; last_name: string };
  tenant: {
    tenant_id: string; company_name: string; status: string; plan: string; trial_ends_at: string;
    modules: string[]; flags: string[]; settings: Record<string, unknown>;
  };
}
export type Session =
  | { kind: "none" }
  | { kind: "admin"; name: string; token: string; expires_at: string }
  | { kind: "member"; tenant_id: string; me?: Me; closed?: Problem };

export const session = signal<Session | undefined>(undefined);
export const me = computed(() => (session.value?.kind === "member" ? session.value.me : undefined));

/** Whether a grant covers the permission: "*", "clients:*", or itself; with ":own" for one's own. */
export function covers(grants: string[], permission: string): boolean {
  const [resource] = permission.split(":");
  return grants.some((grant) => {
    const bare = grant.replace(/:own$/, "");
    return bare === "*" || bare === permission || bare === `${resource}:*`;
  });
}
export function may(permission: string): boolean {
  if (session.value?.kind === "admin") return true;
  const member = session.value?.kind === "member" ? session.value : undefined;
  if (member?.closed) return ["subscription:read", "subscription:change_plan", "subscription:reactivate", "subscription:cancel"].includes(permission);
  return member?.me !== undefined && covers(member.me.permissions, permission);
}

export async function refreshSession(): Promise<void> {
  const found = await api.get<Session>("/v1/console/session");
  sessionEnded.value = false;
  if (found.kind !== "member") {
    session.value = found;
    return;
  }
  try {
    const mine = await api.get<Me>("/v1/me");
    const locale = mine.tenant.settings["locale"];
    if (!localStorage.getItem("language") && (locale === "fr" || locale === "en")) setLanguage(locale);
    session.value = { ...found, me: mine };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    // Its tenant owes, or is over: what is still open is billing.
    session.value = error.status === 401 ? { kind: "none" } : { ...found, closed: error };
    sessionEnded.value = false;
  }
}

export async function logOut(): Promise<void> {
  try {
    if (session.value?.kind === "admin") await api.remove("/v1/console/admin-session");
    else await api.post("/auth/logout", {});
  } catch (error) {
    if (!(error instanceof Problem)) throw error;  // it was over already
  }
  session.value = { kind: "none" };
  sessionEnded.value = false;
}
