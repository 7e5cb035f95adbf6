// Whose session the browser has, and what may be done with it. The server decides anyway; this only keeps away what it
// would refuse.
import { computed, signal } from "@preact/signals";
import { api, Problem, sessionEnded } from "./api.ts";
import { setLanguage } from "./i18n.ts";

/** Who one is, what one may do here and where else one belongs: known while the company is closed, too. */
export interface Membership {
  permissions: string[];
  tenant_role: string;
  tenants: { tenant_id: string; slug: string; role: string }[];
  email_verified: boolean;
  user: { id: string; email: string; first_name: string; last_name: string };
  tenant: { tenant_id: string; company_name: string; status: string; status_reason: string; plan: string; trial_ends_at: string };
}
export interface Me extends Membership {
  tenant: Membership["tenant"] & { modules: string[]; flags: string[]; settings: Record<string, unknown> };
}
/** A super-admin's look at a company: it ends by itself. */
export interface Visit { tenant_id: string; reason: string; writes: boolean; ends_at: string }
export type Session =
  | { kind: "none" }
  /** `token`: of the platform, by which it began; null: a person has logged in. */
  | { kind: "admin"; name: string; token: string | null; role?: string; second_factor?: string; expires_at: string; visit?: Visit }
  /** With `me`; or with `closed`, why there is none, and then with a membership, unless the company is being set up. */
  | { kind: "member"; tenant_id: string; me?: Me; closed?: Problem; membership?: Membership; visit?: Visit };

export const session = signal<Session | undefined>(undefined);
export const visit = computed(() => (session.value?.kind === "member" ? session.value.visit : undefined));
/** Whether the login is one's own to see and to change: not of a visit, and not of the platform's token. */
export const hasOwnLogin = () => (session.value?.kind === "admin" ? session.value.token === null : !visit.value);
/** Where one's own login is: a super-admin's, or a member's. */
export const own = () => (session.value?.kind === "admin" ? "/v1/admin/me" : "/v1/me");
export const me = computed(() => (session.value?.kind === "member" ? session.value.me : undefined));
export const membership = computed(() => (session.value?.kind === "member" ? (session.value.me ?? session.value.membership) : undefined));
export const closed = computed(() => (session.value?.kind === "member" ? session.value.closed : undefined));
/** The company demands a second factor that one has not set up: before that nothing else is open. */
export const factorDemanded = computed(() => closed.value?.code === "second_factor_required");
/** Who looks at what: where it changes, nothing that was read for another may be left. */
export const identity = computed(() => {
  const current = session.value;
  if (current?.kind === "member") return `member ${current.tenant_id} ${membership.value?.user.id ?? ""} ${current.visit ? "visit" : ""}`;
  return current?.kind === "admin" ? `admin ${current.name}` : (current?.kind ?? "");
});

/** One browser has one session, and many tabs: those that show another's are told. */
const tabs = typeof document === "undefined" ? undefined : new BroadcastChannel("session");
if (tabs) tabs.onmessage = () => void refreshSession(false).catch(() => undefined);  // who is away asks again when they return
function tellTabs(before: string): void {
  if (before !== "" && before !== identity.value) tabs?.postMessage("changed");
}

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
  if (visit.value) return visit.value.writes || permission.endsWith(":read");
  if (factorDemanded.value || !membership.value) return false;
  // Of a company that owes, or is over, billing is what is left.
  if (closed.value && !permission.startsWith("subscription:")) return false;
  return covers(membership.value.permissions, permission);
}

export async function refreshSession(tell = true): Promise<void> {
  const before = identity.value;
  await readSession();
  if (tell) tellTabs(before);
}

async function readSession(): Promise<void> {
  const found = await api.get<Session>("/v1/console/session");
  sessionEnded.value = false;
  if (found.kind === "none" || (found.kind === "admin" && !found.visit)) {
    session.value = found;
    return;
  }
  const inside = found.kind === "member" ? found : { kind: "member" as const, tenant_id: found.visit!.tenant_id, visit: found.visit! };
  try {
    const mine = await api.get<Me>("/v1/me");
    const locale = mine.tenant.settings["locale"];
    if (!localStorage.getItem("language") && (locale === "fr" || locale === "en")) setLanguage(locale);
    session.value = { ...inside, me: mine };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    session.value = error.status === 401 ? { kind: "none" } : { ...inside, closed: error, ...(await membershipWhileClosed()) };
    sessionEnded.value = false;
  }
}

async function membershipWhileClosed(): Promise<{ membership?: Membership }> {
  try {
    return { membership: await api.get<Membership>("/v1/me/membership") };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return {};
  }
}

export async function endVisit(): Promise<void> {
  try {
    await api.remove("/v1/admin/me/visit");
  } catch (error) {
    if (!(error instanceof Problem)) throw error;  // it was over already
  }
  await refreshSession();
}

/** Into another of one's companies. */
export async function enterCompany(tenantId: string): Promise<void> {
  await api.post("/auth/switch", { tenant_id: tenantId });
  await refreshSession();
}

export async function logOut(): Promise<void> {
  const before = identity.value;
  try {
    const current = session.value;
    if (visit.value || (current?.kind === "admin" && current.token === null)) await api.post("/v1/admin/auth/logout", {});
    else if (current?.kind === "admin") await api.remove("/v1/console/admin-session");
    else await api.post("/auth/logout", {});
  } catch (error) {
    if (!(error instanceof Problem)) throw error;  // it was over already
  }
  session.value = { kind: "none" };
  sessionEnded.value = false;
  tellTabs(before);
}
