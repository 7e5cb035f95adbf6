// One thing done to several, one after the other: it can be stopped between two of them, and says of each what came of it.
import type { Problem } from "./api.ts";
import { problemFrom } from "./load.ts";

export interface Done { id: string; problem?: Problem }

/** Ends early where `stopped` says so before the next. `told` hears of each as it is done. */
export async function oneByOne(ids: string[], act: (id: string) => Promise<unknown>, told: (done: Done) => void, stopped: () => boolean): Promise<void> {
  for (const id of ids) {
    if (stopped()) return;
    try {
      await act(id);
      told({ id });
    } catch (error) {
      told({ id, problem: problemFrom(error) });
    }
  }
}
