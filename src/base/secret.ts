// A value that must not be printed: passwords, passphrases, keys.

/** Holds a secret text and shows `[secret]` wherever a value is turned into text by accident. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The secret itself. Call it only where the value is used. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }
}

/** Holds secret bytes, as {@link Secret} holds a text; disposing of it overwrites them. */
export class SecretBytes implements Disposable {
  readonly #value: Buffer;

  /** @param value is kept, not copied. */
  constructor(value: Buffer) {
    this.#value = value;
  }

  /** The bytes themselves, not a copy. Call it only where the value is used. */
  reveal(): Buffer {
    return this.#value;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }

  [Symbol.dispose](): void {
    this.#value.fill(0);
  }
}
