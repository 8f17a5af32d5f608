import { ArtifactError, type ErrorCode } from '@waybill/core';

const RETRYABLE: ReadonlySet<string> = new Set(['40001', '40P01']);

/** By SQLSTATE, then by its class (the first two characters), then by what the socket said. */
const READING: ReadonlyMap<string, readonly [ErrorCode, string]> = new Map([
  ['40001', ['BUSY', 'is too busy with other writers; try again']],
  ['40P01', ['BUSY', 'is too busy with other writers; try again']],
  ['55P03', ['BUSY', 'is locked by another process; try again when that one is done']],
  ['53100', ['NO_SPACE', 'has no room left on its disk; free some space and try again']],
  ['53', ['IO', 'has no resources left; try again later or raise the limits of the server']],
  ['57', ['IO', 'was shut down or interrupted; try again when the server is up']],
  ['08', ['IO', 'cannot be reached; check that the server is up and the address is right']],
  ['28', ['PERMISSION', 'refused the user or password; check the connection settings']],
  ['42501', ['PERMISSION', 'refused access to its tables; grant this user the rights it needs']],
  ['25006', ['PERMISSION', 'is read-only; connect to the primary server']],
  ['3D', ['INVALID_ARGUMENT', 'names a database that does not exist; create it first']],
  ['XX001', ['CORRUPT', 'is damaged; restore the database from a backup']],
  ['XX002', ['CORRUPT', 'has a damaged index; rebuild it or restore the database from a backup']],
  ['ECONNREFUSED', ['IO', 'cannot be reached; check that the server is up and the address is right']],
  ['ECONNRESET', ['IO', 'closed the connection; try again']],
  ['ENOTFOUND', ['IO', 'cannot be reached; check that the server is up and the address is right']],
  ['ENOENT', ['IO', 'cannot be reached; check that the server is up and the address is right']],
  ['ETIMEDOUT', ['IO', 'does not answer; check that the server is up and the address is right']],
]);

/** SQLSTATE, or the code of a failed connection. */
export function postgresErrorCode(error: unknown): string | undefined {
  if (!Error.isError(error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

export function mayRetryPostgres(error: unknown): boolean {
  const code = postgresErrorCode(error);
  return code !== undefined && RETRYABLE.has(code);
}

export function translatePostgresError(error: unknown, catalog: string): ArtifactError {
  if (error instanceof ArtifactError) return error;
  const reason = reasonOf(error);
  const details = { subject: catalog };
  const code = postgresErrorCode(error);
  const reading =
    code === undefined
      ? connectionLost(reason)
      : (READING.get(code) ?? READING.get(code.slice(0, 2)) ?? connectionLost(reason));
  if (reading === undefined) {
    return new ArtifactError('INTERNAL', `${catalog}: ${reason}`, { cause: error, details });
  }
  const [kind, text] = reading;
  return new ArtifactError(kind, `${catalog} ${text} (${reason})`, { cause: error, details });
}

/** `pg` gives these no code. */
function connectionLost(reason: string): readonly [ErrorCode, string] | undefined {
  return /connection terminated|timeout exceeded when trying to connect|connection timeout/i.test(reason)
    ? READING.get('08')
    : undefined;
}

/** A refused connection to a name with several addresses is an `AggregateError` without a message of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
  return Error.isError(error) ? error.message : String(error);
}
