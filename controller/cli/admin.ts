import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { hashPassword } from '../api/password.ts';
import { keepKey, readKey } from '../clients/keys.ts';
import type { Step } from '../core/step.ts';
import type { Settings } from '../settings.ts';

/**
 * The bcrypt hash of the admin's password: from the settings, else the one kept in the data dir. Where there is
 * neither, a password is made and told, once; only its hash is kept.
 */
export async function adminHash(
  settings: Settings,
  { step, tell }: { readonly step: Step; readonly tell: (line: string) => void },
): Promise<string> {
  if (settings.adminPasswordHash !== undefined) return settings.adminPasswordHash;
  const file = join(settings.dataDir, 'keys', 'admin-password-hash');
  const kept = await readKey(file);
  if (kept !== undefined) return kept;
  const password = randomBytes(15).toString('base64url');
  const hash = await keepKey(file, step, () => hashPassword(password));
  tell(`admin user: ${settings.adminUser}   password: ${password}   (shown this once)`);
  return hash;
}
