/**
 * Hooks of several origins as one.
 *
 * @module
 */

import { ReasonCode } from "../../codec/reason_codes.ts";
import type {
  AccessRules,
  AccessSubject,
  BrokerHooks,
  ConnectDecision,
  ConnectRequest,
  MaybePromise,
  SubscribeRequest,
} from "../hooks.ts";

/**
 * Combines hooks. A client is let in by the first `authenticate` that accepts it; if none does, the last refusal holds,
 * or the first one that says to come back later. To publish, subscribe and receive, all must allow it. Of
 * authentication methods with the same name, and for response information, the first holds.
 *
 * @example
 * ```ts
 * import { accessControl, Broker, combineHooks, jwt, passwordFile } from "@x/mqtt/broker";
 *
 * const users = passwordFile("");
 * const tokens = await jwt({ keys: { secret: "a secret that has at least 32 bytes" } });
 * const rules = accessControl("pattern readwrite %u/#\n");
 * await using broker = new Broker(combineHooks(users, tokens, rules, {
 *   authorizePublish: (_client, { payload }) => payload.length < 1_000,
 * }));
 * console.log(broker.counts().connections);
 * ```
 */
export function combineHooks(...hooks: readonly BrokerHooks[]): BrokerHooks {
  const { authenticate, publish, subscribe, access, information } = {
    authenticate: present(hooks.map((one) => one.authenticate)),
    publish: present(hooks.map((one) => one.authorizePublish)),
    subscribe: present(hooks.map((one) => one.authorizeSubscribe)),
    access: present(hooks.map((one) => one.access)),
    information: present(hooks.map((one) => one.responseInformation)),
  };
  return {
    authenticate: authenticate.length > 0 ? (request) => firstAccepting(authenticate, request) : undefined,
    authorizePublish: publish.length > 0
      ? (client, request) => all(publish, (hook) => hook(client, request))
      : undefined,
    authorizeSubscribe: subscribe.length > 0
      ? (client, request) => all(subscribe, (hook) => hook(client, request))
      : undefined,
    access: access.length > 1 ? new AllRules(access) : access[0],
    authenticationMethods: Object.assign({}, ...hooks.map((one) => one.authenticationMethods ?? {}).reverse()),
    responseInformation: information[0],
  };
}

function present<T>(values: readonly (T | undefined)[]): readonly T[] {
  return values.filter((value) => value !== undefined);
}

type Authenticate = Required<BrokerHooks>["authenticate"];

async function firstAccepting(hooks: readonly Authenticate[], request: ConnectRequest): Promise<ConnectDecision> {
  // It lies in a chunk that is read over while the first hook takes its time.
  const kept: ConnectRequest = { ...request, password: request.password?.slice() };
  let refusal: ConnectDecision = false;
  for (const hook of hooks) {
    const decision = await hook(kept);
    if (decision === true || (decision !== false && decision.accepted)) return decision;
    if (!isTemporary(refusal)) refusal = decision;
  }
  return refusal;
}

/** Whoever might have been let in at another time should come back. */
function isTemporary(decision: ConnectDecision): boolean {
  if (typeof decision === "boolean" || decision.accepted) return false;
  return decision.reasonCode === ReasonCode.ServerBusy || decision.reasonCode === ReasonCode.ServerUnavailable;
}

function all<T>(hooks: readonly T[], ask: (hook: T) => MaybePromise<boolean>): MaybePromise<boolean> {
  const answers: Promise<boolean>[] = [];
  for (const hook of hooks) {
    const answer = ask(hook);
    if (answer === false) {
      // Nobody waits for the others any more.
      for (const other of answers) other.catch(() => {});
      return false;
    }
    if (answer !== true) answers.push(answer);
  }
  return answers.length === 0 || Promise.all(answers).then((list) => list.every((yes) => yes));
}

class AllRules implements AccessRules {
  readonly #rules: readonly AccessRules[];

  constructor(rules: readonly AccessRules[]) {
    this.#rules = rules;
  }

  mayPublish(client: AccessSubject, topic: string): boolean {
    return this.#rules.every((rules) => rules.mayPublish(client, topic));
  }

  maySubscribe(client: AccessSubject, request: SubscribeRequest): boolean {
    return this.#rules.every((rules) => rules.maySubscribe(client, request));
  }

  mayReceive(client: AccessSubject, topic: string): boolean {
    return this.#rules.every((rules) => rules.mayReceive(client, topic));
  }

  onChange(listener: () => void): () => void {
    const ends = this.#rules.map((rules) => rules.onChange(listener));
    return () => ends.forEach((end) => end());
  }
}
