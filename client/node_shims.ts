/**
 * What this client needs of the language and Node 20 lacks. Nothing that is there is touched.
 *
 * @module
 */

Promise.withResolvers ??= function <T>(): PromiseWithResolvers<T> {
  let resolve: PromiseWithResolvers<T>["resolve"] = () => {};
  let reject: PromiseWithResolvers<T>["reject"] = () => {};
  const promise = new Promise<T>((onResolved, onRejected) => {
    resolve = onResolved;
    reject = onRejected;
  });
  return { promise, resolve, reject };
};
