import { open } from 'node:fs/promises';
import { ArtifactError, LIMITS, type Metadata, parseMetadata, quotePath } from '@waybill/core';
import { checkArgument } from './check-argument.ts';

/** Checks `--metadata`: JSON text, or `@FILE` that holds it. */
export async function readMetadata(text: string): Promise<Metadata> {
  const argument = { text, option: '--metadata', sizeBytesMax: LIMITS.metadataBytes };
  const json = await readTextArgument(argument);
  return checkArgument(subjectOf(argument), () => parseMetadata(json));
}

/** Checks `--description`: the text, or `@FILE` that holds it. */
export async function readDescription(text: string): Promise<string> {
  const argument = { text, option: '--description', sizeBytesMax: LIMITS.descriptionBytes };
  const description = await readTextArgument(argument);
  if (Buffer.byteLength(description) > LIMITS.descriptionBytes) {
    throw new ArtifactError(
      'INVALID_ARGUMENT',
      `--description is larger than ${LIMITS.descriptionBytes} bytes; put long texts into a file of the version`,
    );
  }
  return description;
}

interface TextArgument {
  readonly text: string;
  readonly option: string;
  readonly sizeBytesMax: number;
}

/** `@FILE` is replaced by the file's text; `@@` at the beginning stands for one literal `@`. */
async function readTextArgument({ text, option, sizeBytesMax }: TextArgument): Promise<string> {
  if (!text.startsWith('@')) return text;
  if (text.startsWith('@@')) return text.slice(1);
  const subject = subjectOf({ text, option });
  const bytes = await readLimited(text.slice(1), { subject, sizeBytesMax });
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ArtifactError('INVALID_ARGUMENT', `${subject} is not UTF-8 text`, { cause });
  }
}

/** What a message about the text begins with: the option, and the file where one was given. */
function subjectOf({ text, option }: Pick<TextArgument, 'text' | 'option'>): string {
  const isFile = text.startsWith('@') && !text.startsWith('@@');
  return isFile ? `${option}: file ${quotePath(text.slice(1))}` : option;
}

async function readLimited(
  path: string,
  { subject, sizeBytesMax }: { subject: string; sizeBytesMax: number },
): Promise<Uint8Array> {
  try {
    await using file = await open(path, 'r');
    const chunks: Uint8Array[] = [];
    let sizeBytes = 0;
    // Read instead of asking for the size: the file may be a pipe (`@/dev/stdin`).
    for await (const chunk of file.createReadStream({ autoClose: false })) {
      if (!(chunk instanceof Uint8Array)) continue;
      sizeBytes += chunk.length;
      if (sizeBytes > sizeBytesMax) {
        throw new ArtifactError('INVALID_ARGUMENT', `${subject} is larger than ${sizeBytesMax} bytes`);
      }
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } catch (cause) {
    if (cause instanceof ArtifactError) throw cause;
    throw translateReadError(cause, subject);
  }
}

function translateReadError(cause: unknown, subject: string): ArtifactError {
  const code = Error.isError(cause) && 'code' in cause ? cause.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new ArtifactError('SOURCE_NOT_FOUND', `${subject} does not exist; check the path`, { cause });
  }
  if (code === 'EISDIR') return new ArtifactError('INVALID_ARGUMENT', `${subject} is a folder`, { cause });
  if (code === 'EACCES' || code === 'EPERM') {
    return new ArtifactError('PERMISSION', `${subject} may not be read by this user`, { cause });
  }
  return new ArtifactError('IO', `${subject} cannot be read: ${String(code ?? cause)}`, { cause });
}
