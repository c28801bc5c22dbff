/**
 * Validators of other libraries, by the interface that they share: Standard Schema, https://standardschema.dev.
 *
 * @module
 */

/** What is wrong with a value. */
export interface SchemaIssue {
  /** For people. */
  readonly message: string;
  /** Where in the value: keys from the outside in. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[];
}

/** What a validator makes of a value: the value, perhaps converted, or what is wrong with it. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** A validator as Zod, Valibot, ArkType and others have it. */
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

/** A value is not what a schema asks for. */
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

/** The value that a schema makes of `value`; rejects with {@linkcode SchemaError} if it finds fault with it. */
export async function validated<Output>(value: unknown, schema: StandardSchema<Output>): Promise<Output> {
  const result = await schema["~standard"].validate(value);
  if (result.issues !== undefined) throw new SchemaError(result.issues);
  return result.value;
}

function described({ message, path = [] }: SchemaIssue): string {
  const keys = path.map((key) => String(typeof key === "object" ? key.key : key));
  return keys.length === 0 ? message : `${keys.join(".")}: ${message}`;
}
