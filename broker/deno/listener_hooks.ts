/**
 * Who may come in where there is more than one way to show who one is.
 *
 * @module
 */

import { combineHooks } from "../auth/combine.ts";
import type { Jwt } from "../auth/jwt.ts";
import type { PasswordFile } from "../auth/password_file.ts";
import { ReasonCode } from "../../codec/reason_codes.ts";
import type { Peer } from "../../engine/transport.ts";
import type { BrokerHooks, ConnectDecision } from "../hooks.ts";
import type { ListenerPolicy } from "../listener_policy.ts";

/** Refuses everybody; `reason` is what the client is told. */
export function refusalOf(reason: string): () => ConnectDecision {
  return () => ({ reasonCode: ReasonCode.NotAuthorized, reasonString: `Cannot connect: ${reason}` });
}

/** The same tokens; `note` is told of the peers that are let in with one. */
export function noting(tokens: Jwt, note: (peer: Peer) => void): Jwt {
  return {
    async authenticate(request) {
      const decision = await tokens.authenticate(request);
      if (decision === true || (decision !== false && decision.accepted)) note(request.peer);
      return decision;
    },
    authenticationMethods: Object.fromEntries(
      Object.entries(tokens.authenticationMethods).map(([name, begin]) => [name, (request) => {
        const exchange = begin(request);
        return {
          async next(data) {
            const step = await exchange.next(data);
            if (step.kind === "success") note(request.peer);
            return step;
          },
        };
      }]),
    ),
  };
}

/**
 * Tokens, and besides them users of a password file. A client without a user name may have a token that says it, so the
 * hook decides about these clients, too.
 */
export function authenticationWith(
  tokens: Jwt,
  users: PasswordFile | undefined,
  allowAnonymous: boolean,
): BrokerHooks & Pick<ListenerPolicy, "allowAnonymous"> {
  const either = combineHooks(tokens, users ?? {});
  const refuse = refusalOf("a token must be given");
  return {
    allowAnonymous: true,
    authenticate(request) {
      const { username, password } = request;
      if (username === undefined && password === undefined) return allowAnonymous || refuse();
      if (username === undefined) return tokens.authenticate(request);
      return either.authenticate?.(request) ?? refuse();
    },
    authenticationMethods: either.authenticationMethods,
  };
}
