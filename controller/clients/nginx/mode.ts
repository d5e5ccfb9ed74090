/** The two ways to have an nginx, as the rest of the client sees them: one of our own, or the machine's. */
import type { Step } from '../../core/step.ts';
import type { Result } from './command.ts';
import type { Pages } from './config.ts';
import type { Layout } from './files.ts';

export interface NginxPlace {
  readonly owner: string;
  /** Where the sites are served. */
  readonly http: { readonly host: string; readonly port: number };
  readonly drainMs: number;
  readonly step: Step;
  /** Told of what is worth a line in the log beside the outcome of a change. */
  readonly log?: (message: string) => void;
}

export type NginxOptions = NginxPlace &
  (
    | {
        readonly mode: 'managed';
        /** `<data>/nginx`, absolute. */
        readonly dir: string;
      }
    | {
        readonly mode: 'system';
        /** A directory of which the machine's nginx includes `*.conf` in its `http` block. */
        readonly dir: string;
        /** Commands as argument lists; they are run without a shell. */
        readonly test: readonly string[];
        readonly reload: readonly string[];
      }
  );

export interface Mode {
  readonly layout: Layout;
  readonly place: NginxPlace;
  readonly pages: Pages;
  /** `nginx.conf` as it is to be; undefined where it is not ours. */
  conf(): Promise<{ readonly file: string; readonly text: string } | undefined>;
  /** An `nginx.conf` to try our files in. */
  trialConf(): Promise<string>;
  /** Makes what nginx needs to be there even for a test. */
  ready(): Promise<void>;
  /** Whether foreign files beside ours are part of what we test and prove. */
  readonly foreignCounts: boolean;
  /** Why nginx certainly does not run; undefined when that can only be asked over HTTP. */
  down(): string | undefined;
  /** Whether workers without a master, of an nginx that was killed, are still at work. */
  orphaned(): boolean;
  /** The operator's own test of the whole configuration, where nginx has more than ours. */
  readonly verify?: () => Promise<Result>;
  /** Starts or reloads. Throws TransientError when that could not even be asked for. */
  refresh(): Promise<void>;
  /** Why the last refresh had no effect, as nginx told it. */
  complaint(): Promise<string>;
}
