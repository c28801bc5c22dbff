/** Counts the work that passwords make, by listening at Web Crypto. @module */

/** What a body gave, each derivation it asked for, and how many were under way at once. */
export interface Counted<T> {
  readonly result: T;
  readonly derivations: string[];
  readonly most: number;
}

/** Runs `body` and tells what keys it derived. Only one may run at a time. */
export async function countingDerivations<T>(body: () => Promise<T>): Promise<Counted<T>> {
  const { subtle } = crypto;
  const original = subtle.deriveBits;
  const derivations: string[] = [];
  let now = 0;
  let most = 0;
  subtle.deriveBits = async (algorithm, key, length) => {
    derivations.push(describe(algorithm));
    most = Math.max(most, ++now);
    try {
      return await original.call(subtle, algorithm, key, length);
    } finally {
      now--;
    }
  };
  try {
    const result = await body();
    return { result, derivations, most };
  } finally {
    subtle.deriveBits = original;
  }
}

function describe(algorithm: AlgorithmIdentifier | EcdhKeyDeriveParams | HkdfParams | Pbkdf2Params): string {
  if (typeof algorithm === "string" || !("iterations" in algorithm)) return String(algorithm);
  const { name, hash, iterations } = algorithm;
  return `${name} ${typeof hash === "string" ? hash : hash.name} ${iterations}`;
}
