/**
 * Validators of other libraries, by the interface that they share: Standard Schema, https://standardschema.dev.
 *
 * @module
 */

/**
 * What is wrong with a value.
 *
 * @example
 * ```ts
 * import { type SchemaIssue } from "@x/mqtt/client";
 *
 * const issue: SchemaIssue = { message: "must be a number", path: ["readings", 0, "celsius"] };
 * console.log(issue.path?.join("."), issue.message); // readings.0.celsius must be a number
 * ```
 */
export interface SchemaIssue {
  /** For people. */
  readonly message: string;
  /** Where in the value: keys from the outside in. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[];
}

/**
 * What a validator makes of a value: the value, perhaps converted, or what is wrong with it.
 *
 * @example
 * ```ts
 * import { type SchemaResult } from "@x/mqtt/client";
 *
 * function positive(value: unknown): SchemaResult<number> {
 *   if (typeof value === "number" && value > 0) return { value };
 *   return { issues: [{ message: "must be a positive number" }] };
 * }
 * console.log(positive(-1).issues?.length); // 1
 * ```
 */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/**
 * A validator as Zod, Valibot, ArkType and others have it.
 *
 * @example
 * ```ts
 * import { connect, json, type StandardSchema } from "@x/mqtt/client";
 *
 * const text: StandardSchema<string> = {
 *   "~standard": {
 *     version: 1,
 *     vendor: "example",
 *     validate: (value) => typeof value === "string" ? { value } : { issues: [{ message: "must be a text" }] },
 *   },
 * };
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * const subscription = client.subscribe("names");
 * await subscription.ready;
 * await client.publish("names", json("Ann"));
 * for await (const message of subscription) {
 *   const name: string = await message.json(text);
 *   console.log(name); // Ann
 *   break;
 * }
 * ```
 */
export interface StandardSchema<Output = unknown> {
  /** Of version 1 of Standard Schema. */
  readonly "~standard": {
    /** The version of the interface. */
    readonly version: 1;
    /** Name of the library. */
    readonly vendor: string;
    /** Looks at a value. */
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
  };
}

/**
 * A value is not what a schema asks for.
 *
 * @example
 * ```ts
 * import { SchemaError } from "@x/mqtt/client";
 *
 * function explain(error: unknown): string {
 *   return error instanceof SchemaError ? error.issues.map(({ message }) => message).join("; ") : "another error";
 * }
 * console.log(explain(new SchemaError([{ message: "must be a number" }]))); // must be a number
 * ```
 */
export class SchemaError extends TypeError {
  /** Always the same. */
  override readonly name = "SchemaError";
  /** All that is wrong with it. */
  readonly issues: readonly SchemaIssue[];

  /** Made by `message.json(schema)`. */
  constructor(issues: readonly SchemaIssue[]) {
    super(`Cannot read JSON: value must be as its schema says, received ${issues.map(described).join("; ")}`);
    this.issues = issues;
  }
}

/** What a schema makes of the value of a JSON text; rejects with {@linkcode SchemaError} if it finds fault with it. */
export async function validated<Output>(text: string, schema: StandardSchema<Output>): Promise<Output> {
  const result = await schema["~standard"].validate(JSON.parse(text));
  if (result.issues !== undefined) throw new SchemaError(result.issues);
  return result.value;
}

function described({ message, path = [] }: SchemaIssue): string {
  const keys = path.map((key) => String(typeof key === "object" ? key.key : key));
  return keys.length === 0 ? message : `${keys.join(".")}: ${message}`;
}
