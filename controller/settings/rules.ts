/** What the meaning of the file takes from the settings. */
import type { ManifestRules } from '../manifest/types.ts';
import type { Settings } from '../settings.ts';

/** The rules that a file is checked against; `file` is the name that errors show. */
export function manifestRules(settings: Settings, file = settings.configFile): ManifestRules {
  return {
    file,
    domain: settings.domain,
    reservedHosts: settings.adminHost === undefined ? [] : [settings.adminHost],
    reservedPorts: [settings.listen.port, settings.http.port],
    ports: settings.ports,
    gitAllow: settings.gitAllow,
  };
}
