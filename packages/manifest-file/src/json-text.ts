import { formatProblem } from './corrupt.ts';

const QUOTE = 34;
const BACKSLASH = 92;
const OPEN_BRACE = 123;
const OPEN_BRACKET = 91;
const CLOSE_BRACE = 125;
const CLOSE_BRACKET = 93;
const COMMA = 44;

/** Characters that one value may have, and that are held while its end is looked for. */
const VALUE_CHARS_MAX = 4_194_304;

/** Characters fetched at least before an unfinished value is looked at again. */
const FETCH_CHARS_MIN = 65_536;

/** Means that the text at hand ends first. */
const UNFINISHED = -1;

/** JSON as it arrives, read value by value: holds one value and what was fetched with it. */
export class JsonText {
  readonly #chunks: AsyncIterator<Uint8Array, unknown>;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  #text = '';
  #at = 0;
  #isEnd = false;
  #linesBefore = 1;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Line of the next character, counted from 1. */
  get line(): number {
    return this.#linesBefore + countLines(this.#text, this.#at);
  }

  /** Ends the fetching. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  /** The next character that is not white space, not taken; empty at the end. */
  async peek(): Promise<string> {
    for (;;) {
      this.#skipSpace();
      if (this.#at < this.#text.length) return this.#text.charAt(this.#at);
      if (!(await this.#fetch())) return '';
    }
  }

  /** Takes one character of punctuation. */
  async expect(character: string): Promise<void> {
    const found = await this.peek();
    if (found !== character) throw this.problem(`has ${describe(found)} where "${character}" belongs`);
    this.#at += 1;
  }

  /** Takes a text and the colon behind it. */
  async readKey(): Promise<string> {
    if ((await this.peek()) !== '"')
      throw this.problem(`has ${describe(await this.peek())} where a key belongs`);
    const key = await this.readValue();
    if (typeof key !== 'string') throw this.problem('has a key that is not a text');
    await this.expect(':');
    return key;
  }

  /** Takes any value. */
  async readValue(): Promise<unknown> {
    await this.peek();
    for (;;) {
      const end = findValueEnd(this.#text, this.#at, this.#isEnd);
      if (end !== UNFINISHED) {
        const value = this.#text.slice(this.#at, end);
        if (value === '') throw this.problem(`has ${describe(await this.peek())} where a value belongs`);
        const parsed = this.#parse(value);
        this.#at = end;
        return parsed;
      }
      if (this.#text.length - this.#at > VALUE_CHARS_MAX) throw this.problem('has a value that is too long');
      if (!(await this.#fetch())) throw this.problem('ends inside a value');
    }
  }

  /**
   * Takes the members of an object, its opening brace taken before, as long as they are at hand complete, up to
   * `limit` of them. `isEnd`: the closing brace was taken too. Callers look again after {@link more}.
   */
  takeMembers(limit: number, isFirst: boolean): { members: [key: string, value: unknown][]; isEnd: boolean } {
    const members: [string, unknown][] = [];
    while (members.length < limit) {
      const start = this.#at;
      const member = this.#takeMember(isFirst && members.length === 0);
      if (member === 'end') return { members, isEnd: true };
      if (member === undefined) {
        this.#at = start;
        break;
      }
      members.push(member);
    }
    return { members, isEnd: false };
  }

  /** Fetches more text. */
  async more(): Promise<void> {
    if (this.#text.length - this.#at > VALUE_CHARS_MAX) throw this.problem('has a value that is too long');
    if (!(await this.#fetch())) throw this.problem('ends in the middle');
  }

  problem(problem: string, cause?: unknown): Error {
    return formatProblem(`${problem} (line ${this.line})`, cause);
  }

  /** Nothing when the text at hand ends first. */
  #takeMember(isFirst: boolean): [string, unknown] | 'end' | undefined {
    let character = this.#next();
    if (character === CLOSE_BRACE) {
      this.#at += 1;
      return 'end';
    }
    if (!isFirst && character !== undefined) {
      if (character !== COMMA) throw this.problem('lacks a "," between two members');
      this.#at += 1;
      character = this.#next();
    }
    if (character === undefined) return undefined;
    if (character !== QUOTE) throw this.problem('has no key where one belongs');
    const keyEnd = findStringEnd(this.#text, this.#at);
    if (keyEnd === UNFINISHED) return undefined;
    const key = String(this.#parse(this.#text.slice(this.#at, keyEnd)));
    this.#at = keyEnd;
    const colon = this.#next();
    if (colon === undefined) return undefined;
    if (colon !== 58) throw this.problem(`lacks a ":" behind ${JSON.stringify(key)}`);
    this.#at += 1;
    if (this.#next() === undefined) return undefined;
    const end = findValueEnd(this.#text, this.#at, this.#isEnd);
    if (end === UNFINISHED) return undefined;
    const value = this.#parse(this.#text.slice(this.#at, end), key);
    this.#at = end;
    return [key, value];
  }

  /** Code of the next character that is not white space; nothing when the text at hand ends first. */
  #next(): number | undefined {
    this.#skipSpace();
    return this.#at < this.#text.length ? this.#text.charCodeAt(this.#at) : undefined;
  }

  #skipSpace(): void {
    while (isSpace(this.#text.charCodeAt(this.#at))) this.#at += 1;
  }

  #parse(json: string, key?: string): unknown {
    try {
      return JSON.parse(json);
    } catch (error) {
      const where = key === undefined ? '' : ` under ${JSON.stringify(key)}`;
      throw this.problem(`has something that is not JSON${where}`, error);
    }
  }

  /** False at the end. Fetches as much again as it holds, so that long values are not looked at too often. */
  async #fetch(): Promise<boolean> {
    if (this.#isEnd) return false;
    this.#linesBefore += countLines(this.#text, this.#at);
    const pieces = [this.#text.slice(this.#at)];
    const wanted = Math.max(FETCH_CHARS_MIN, pieces[0]?.length ?? 0);
    for (let fetched = 0; fetched < wanted && !this.#isEnd; ) {
      const next = await this.#chunks.next();
      this.#isEnd = next.done === true;
      const piece = this.#decode(next.done === true ? undefined : next.value);
      fetched += piece.length;
      pieces.push(piece);
    }
    this.#text = pieces.join('');
    this.#at = 0;
    return true;
  }

  #decode(chunk: Uint8Array | undefined): string {
    try {
      return chunk === undefined ? this.#decoder.decode() : this.#decoder.decode(chunk, { stream: true });
    } catch (error) {
      throw this.problem('is not UTF-8', error);
    }
  }
}

function describe(character: string): string {
  return character === '' ? 'its end' : JSON.stringify(character);
}

function isSpace(code: number): boolean {
  return code === 32 || code === 10 || code === 13 || code === 9;
}

function countLines(text: string, end: number): number {
  let lines = 0;
  for (let at = text.indexOf('\n'); at !== -1 && at < end; at = text.indexOf('\n', at + 1)) lines += 1;
  return lines;
}

/** Where the string that opens at `at` ends, its closing quote included. */
function findStringEnd(text: string, at: number): number {
  for (let index = at + 1; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) return index + 1;
    if (code === BACKSLASH) index += 1;
  }
  return UNFINISHED;
}

/** Where the value at `at` ends. Finds ends only; whether it is JSON in between, `JSON.parse` says. */
function findValueEnd(text: string, at: number, isEnd: boolean): number {
  const first = text.charCodeAt(at);
  if (first === QUOTE) return findStringEnd(text, at);
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return findNestedEnd(text, at);
  let end = at;
  while (end < text.length && !isDelimiter(text.charCodeAt(end))) end += 1;
  // A number may go on in what has not arrived.
  return end < text.length || isEnd ? end : UNFINISHED;
}

function findNestedEnd(text: string, at: number): number {
  let depth = 0;
  for (let index = at; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) {
      const end = findStringEnd(text, index);
      if (end === UNFINISHED) return UNFINISHED;
      index = end - 1;
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      depth += 1;
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      depth -= 1;
      if (depth === 0) return index + 1;
    }
  }
  return UNFINISHED;
}

function isDelimiter(code: number): boolean {
  return code === COMMA || code === CLOSE_BRACE || code === CLOSE_BRACKET || isSpace(code);
}
