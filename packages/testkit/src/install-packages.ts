import { execFile } from 'node:child_process';
import { userInfo } from 'node:os';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const INSTALL_TIMEOUT_MS = 300_000;
const ROOT = 0;

/** Installs Debian packages where the user may; answers why not otherwise. */
export async function installPackages(names: readonly string[]): Promise<string | undefined> {
  if (userInfo().uid !== ROOT) return 'this user may not install it';
  const apt = ['DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1', 'apt-get', '-o', 'DPkg::Lock::Timeout=120'];
  try {
    await execute('env', [...apt, 'update'], { timeout: INSTALL_TIMEOUT_MS });
    await execute('env', [...apt, 'install', '-y', '--no-install-recommends', ...names], {
      timeout: INSTALL_TIMEOUT_MS,
    });
  } catch (error) {
    return `installing failed: ${Error.isError(error) ? error.message : String(error)}`;
  }
  return undefined;
}
