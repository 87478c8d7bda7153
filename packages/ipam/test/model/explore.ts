import { type Action, areIndependent, type Misfortune, Run } from "./run.ts";
import type { Scenario } from "./scenario.ts";

export interface Explored {
  /** Different states met. */
  readonly states: number;
  /** Stories told to their end, in different states. */
  readonly ends: number;
}

/** Actions that need not be tried, by id: another order of the same actions has been, and comes to the same. */
type Sleep = ReadonlyMap<string, Action>;

interface Branch {
  readonly path: readonly string[];
  readonly sleep: Sleep;
}

/**
 * Tells every story that a scenario has: at each state, each thing that can happen. What has been seen is not gone into
 * again, and of two orders that come to the same only one is tried (sleep sets, with the states they were met with:
 * Godefroid, 1996). A client cannot be copied, so a story is told anew from its beginning to come back to where it
 * branches; it takes the same course, for a client depends on nothing but what it was told. Throws with the story of the
 * first broken promise.
 */
export async function explore(scenario: Scenario, misfortune: Misfortune): Promise<Explored> {
  const seen = new Map<string, ReadonlySet<string>>();
  const branches: Branch[] = [{ path: [], sleep: new Map() }];
  let ends = 0;
  for (let branch = branches.pop(); branch !== undefined; branch = branches.pop()) {
    const told: string[] = [];
    try {
      const run = new Run(scenario, misfortune);
      await run.begin();
      for (const id of branch.path) await take(run, id, told);
      ends += await goOn(run, branch, told, seen, branches);
    } catch (error) {
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
      throw new Error([scenario.title, ...told.map((line, index) => `${index + 1}. ${line}`), what].join("\n"), {
        cause: error,
      });
    }
  }
  return { states: seen.size, ends };
}

/** Follows the first of all possibilities, and remembers the others. Returns 1 if that came to a new end. */
async function goOn(
  run: Run,
  { path, sleep: first }: Branch,
  told: string[],
  seen: Map<string, ReadonlySet<string>>,
  branches: Branch[],
): Promise<number> {
  const taken = [...path];
  for (let sleep = first; ; ) {
    await run.check();
    const { key, actions } = run;
    const before = seen.get(key);
    const asleep = new Set(sleep.keys());
    seen.set(key, before === undefined ? asleep : before.intersection(asleep));
    if (actions.length === 0) {
      if (before !== undefined) return 0;
      await run.end();
      return 1;
    }
    const todo = actions.filter(({ id }) => !sleep.has(id) && (before === undefined || before.has(id)));
    const [next] = todo;
    if (next === undefined) return 0;
    const tried = new Map(sleep);
    const follow = todo.map((action) => {
      const branch = { path: [...taken, action.id], sleep: awake(tried, action) };
      tried.set(action.id, action);
      return branch;
    });
    branches.push(...follow.slice(1).reverse());
    sleep = follow[0]?.sleep ?? sleep;
    taken.push(next.id);
    await take(run, next.id, told);
  }
}

/** What stays asleep after an action: what is independent of it. */
function awake(sleep: Sleep, action: Action): Sleep {
  return new Map([...sleep].filter(([, other]) => areIndependent(other, action)));
}

async function take(run: Run, id: string, told: string[]): Promise<void> {
  const action = run.actions.find((candidate) => candidate.id === id);
  if (action === undefined) throw new Error(`a story took another course when it was told again: ${id}`);
  told.push(action.title);
  await action.happen();
}
