import { gitCredentials } from '../clients/github/host.ts';
import type { Settings } from '../settings.ts';

type Needed = Pick<Settings, 'configRepo' | 'configToken' | 'github'>;

/** What the config repo is read and pushed with: its own token, else GitHub's where it is on that very host. */
export function configTokenOf({ configRepo, configToken, github }: Needed): string | undefined {
  if (configToken !== undefined || !URL.canParse(configRepo)) return configToken;
  return gitCredentials(github)(new URL(configRepo))?.password;
}
