// A store that fails on purpose: the project's tool for fault injection. Rules say which call is hit and how; every call
// is written down, so that a test can first run without faults, count the calls, and then fail each of them in turn:
//
//   for (let nth = 1; nth <= callCount; nth += 1)
//     await run(faulty(memory, [{ nth, fault: { kind: "fail" } }], context));
//
// Whatever is left to chance comes from `context.random`: the same seed and the same calls give the same faults. Some
// faults break the contract of the interface (bits flip, listings fall short); that is what they are for.
import type { Context } from "../base/context.ts";
import { type FailureCode, failure } from "../model/failure.ts";
import { collectContent } from "./memory.ts";
import type { CallOptions, ListPage, ObjectStore, PutOutcome } from "./object-store.ts";

/** The calls of a store that can go wrong. */
const STORE_METHODS = ["put", "get", "stat", "list", "remove"] as const;
export type StoreMethod = (typeof STORE_METHODS)[number];

/** What happens to a call that a rule hits. */
export type Fault =
  /**
   * The call fails. `after`: its effect has taken place and only the answer is lost. Default `before`, and
   * `REPOSITORY_UNREACHABLE`.
   */
  | {
      readonly kind: "fail";
      readonly code?: FailureCode | undefined;
      readonly when?: "before" | "after" | undefined;
    }
  /** One bit of the bytes is other than it was: of those stored by put, or of those answered by get. */
  | { readonly kind: "flipBit"; readonly bit?: number | undefined }
  /** The bytes end early: of those stored by put, or of those answered by get. Default: a random shorter length. */
  | { readonly kind: "truncate"; readonly lengthBytes?: number | undefined }
  /** get and stat answer absence, list answers an empty last page: a store that lies or lags. */
  | { readonly kind: "absent" }
  /** list gives only the first `keepCount` objects (default half) and says that there are no more. */
  | { readonly kind: "shortList"; readonly keepCount?: number | undefined }
  /** The call takes longer by this much, by `context.clock`, and is then done. */
  | { readonly kind: "delay"; readonly delayMs: number };

/** Which calls are hit. Conditions left out hold for every call. */
export interface FaultRule {
  readonly method?: StoreMethod | readonly StoreMethod[] | undefined;
  /** Tested against the key, or the prefix of a listing. */
  readonly key?: RegExp | undefined;
  /** The first matching call that is hit, counted from 1. Default 1. */
  readonly nth?: number | undefined;
  /** How many matching calls are hit from there on. Default 1; `Infinity` for a fault that stays. */
  readonly times?: number | undefined;
  /** The chance in [0, 1] that a call is hit that otherwise would be. Default 1. */
  readonly probability?: number | undefined;
  readonly fault: Fault;
}

/** One call as it happened. */
export interface StoreCall {
  readonly method: StoreMethod;
  readonly key: string;
  /** The kind of fault that hit it. */
  readonly fault: Fault["kind"] | undefined;
}

/** A store that fails by its rules, and remembers how it was called. */
export interface FaultyStore extends ObjectStore {
  /** Every call so far, in order. */
  readonly calls: readonly StoreCall[];
  /** Replaces the rules and begins to count anew; the list of calls is kept. */
  setRules(rules: readonly FaultRule[]): void;
}

/** Wraps a store with rules; the first rule that hits a call decides. */
export function faulty(
  store: ObjectStore,
  initialRules: readonly FaultRule[],
  context: Context,
): FaultyStore {
  const calls: StoreCall[] = [];
  let rules = countedRules(initialRules);
  const hit = (method: StoreMethod, key: string): Fault | undefined => {
    const fault = rules.find((rule) => rule.hits(method, key, context))?.fault;
    calls.push({ method, key, fault: fault?.kind });
    return fault;
  };
  const answer = <Answer>(
    call: FaultedCall<Answer>,
    change: (fault: Fault, answer: Answer) => Answer,
  ): Promise<Answer> => performCall(call, hit(call.method, call.key), { change, context });
  return {
    description: `${store.description} (faulty)`,
    calls,
    setRules: (next) => {
      rules = countedRules(next);
    },
    put: async (key, content, options) => {
      const fault = hit("put", key);
      const stored =
        fault?.kind === "flipBit" || fault?.kind === "truncate"
          ? damage(fault, await collectContent(content, options), context)
          : content;
      const perform = (): Promise<PutOutcome> => store.put(key, stored, options);
      const call = { method: "put", key, options, perform } as const;
      return performCall(call, fault, { change: (_, outcome) => outcome, context });
    },
    get: (key, options) =>
      answer<Buffer | undefined>(
        { method: "get", key, options, perform: () => store.get(key, options) },
        (fault, bytes) =>
          fault.kind === "absent" ? undefined : bytes && damage(fault, bytes, context),
      ),
    stat: (key, options) =>
      answer(
        { method: "stat", key, options, perform: () => store.stat(key, options) },
        (fault, found) => (fault.kind === "absent" ? undefined : found),
      ),
    list: (prefix, options) =>
      answer(
        { method: "list", key: prefix, options, perform: () => store.list(prefix, options) },
        shortenPage,
      ),
    remove: (key, options) =>
      answer(
        { method: "remove", key, options, perform: () => store.remove(key, options) },
        () => undefined,
      ),
  };
}

interface FaultedCall<Answer> {
  readonly method: StoreMethod;
  readonly key: string;
  readonly options: CallOptions | undefined;
  perform(): Promise<Answer>;
}

async function performCall<Answer>(
  call: FaultedCall<Answer>,
  fault: Fault | undefined,
  {
    change,
    context,
  }: {
    readonly change: (fault: Fault, answer: Answer) => Answer;
    readonly context: Context;
  },
): Promise<Answer> {
  call.options?.signal?.throwIfAborted();
  if (fault === undefined) return call.perform();
  if (fault.kind === "delay") await context.clock.sleep(fault.delayMs, call.options?.signal);
  if (fault.kind === "fail" && fault.when !== "after") throw injected(fault.code, call);
  const answer = await call.perform();
  if (fault.kind === "fail") throw injected(fault.code, call);
  return change(fault, answer);
}

function injected(
  code: FailureCode = "REPOSITORY_UNREACHABLE",
  call: { readonly method: StoreMethod; readonly key: string },
): Error {
  return failure(code, `injected fault: ${call.method} ${call.key}`);
}

interface CountedRule {
  readonly fault: Fault;
  hits(method: StoreMethod, key: string, context: Context): boolean;
}

function countedRules(rules: readonly FaultRule[]): readonly CountedRule[] {
  return rules.map((rule) => {
    const { nth = 1, times = 1, probability = 1 } = rule;
    let matchCount = 0;
    return {
      fault: rule.fault,
      hits: (method, key, { random }) => {
        if (!matches(rule, method, key)) return false;
        matchCount += 1;
        if (matchCount < nth || matchCount >= nth + times) return false;
        return probability >= 1 || random.integer(0, 2 ** 32) < probability * 2 ** 32;
      },
    };
  });
}

function matches(rule: FaultRule, method: StoreMethod, key: string): boolean {
  const methods = rule.method === undefined ? STORE_METHODS : [rule.method].flat();
  return methods.includes(method) && (rule.key === undefined || key.search(rule.key) >= 0);
}

/** The bytes with the fault's damage, in a buffer of their own. Empty bytes cannot be damaged. */
function damage(fault: Fault, bytes: Buffer, { random }: Context): Buffer {
  const damaged = Buffer.from(bytes);
  if (bytes.length === 0) return damaged;
  if (fault.kind === "truncate") {
    return damaged.subarray(0, fault.lengthBytes ?? random.integer(0, bytes.length));
  }
  if (fault.kind === "flipBit") {
    const bit = (fault.bit ?? random.integer(0, bytes.length * 8)) % (bytes.length * 8);
    const offset = Math.floor(bit / 8);
    damaged.writeUInt8(damaged.readUInt8(offset) ^ (1 << (bit % 8)), offset);
  }
  return damaged;
}

function shortenPage(fault: Fault, page: ListPage): ListPage {
  if (fault.kind === "absent") return { objects: [], prefixes: [], next: undefined };
  if (fault.kind !== "shortList") return page;
  const keepCount = fault.keepCount ?? Math.floor(page.objects.length / 2);
  return { objects: page.objects.slice(0, keepCount), prefixes: page.prefixes, next: undefined };
}
