/** An entry as it is written, after the schema took out what it refuses: anything may be missing, lists may have holes. */

export interface RawBuild {
  readonly dockerfile?: string;
  readonly target?: string;
  readonly args?: Readonly<Record<string, unknown>>;
  readonly preset?: 'node' | 'python' | 'go' | 'static';
  readonly install?: string;
  readonly command?: string;
  readonly output?: string;
}

export interface RawService {
  readonly repo?: string;
  readonly image?: string;
  readonly pull?: 'missing' | 'always';
  readonly branch?: string;
  readonly tag?: string;
  readonly commit?: string;
  readonly path?: string;
  readonly build?: RawBuild;
  readonly start?: string | readonly (string | undefined)[];
  readonly listen?: number;
  readonly port?: number;
  readonly env?: Readonly<Record<string, unknown>>;
  readonly health?: { readonly path?: string; readonly interval?: string; readonly timeout?: string };
  readonly needs?: readonly (string | undefined)[];
  readonly resources?: { readonly memory?: string; readonly cpus?: number; readonly pids?: number };
  readonly volumes?: Readonly<Record<string, string>>;
  readonly replicas?: number;
  readonly strategy?: 'rolling' | 'recreate';
}

export type RawRoute = string | { readonly service?: string; readonly strip?: boolean };

export interface RawDeployment extends RawService {
  readonly subdomain?: string;
  readonly hosts?: readonly (string | undefined)[];
  readonly services?: Readonly<Record<string, RawService>>;
  readonly routes?: Readonly<Record<string, RawRoute>>;
  readonly suspend?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly maxBody?: string;
  readonly timeout?: string;
}
