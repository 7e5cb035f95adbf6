// What a view is: one file of src/views/ that exports `view`. Its name in the menu, its path and who sees it stand here;
// docs/adding-a-view.md shows one.
import type { ComponentType } from "preact";
import type { Parameters } from "./router.ts";
import type { IconName } from "./icons.tsx";

export interface View {
  path: string;
  /** Who sees it: a super-admin, a member of a tenant, anybody (with the frame of whoever it is), or who is not logged in (without). */
  root: "admin" | "tenant" | "any" | "out";
  title: () => string;
  icon?: IconName;
  /** Its place in the menu; none: not in it. Tens are groups. */
  order?: number;
  permission?: string;
  /** About one's own login: not for who visits a company, nor for who came by the platform's token. */
  own?: boolean;
  show: ComponentType<{ parameters: Parameters }>;
}
