declare module "views:all" {
  import type { View } from "./core/view.ts";
  export const views: View[];
}
