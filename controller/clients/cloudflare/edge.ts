/**
 * Cloudflare, as Berth's kinds know it. Asked for the view it never waits; a write asks first, writes once, and makes
 * itself known to the view, so that the next pass sees it. Nothing is repeated here: the loop does that, after a look.
 */
import { TransientError } from '../../core/errors.ts';
import type { Step } from '../../core/step.ts';
import { createApi } from './api.ts';
import { createConnectorToken } from './connector-token.ts';
import { dnsWrites } from './dns-writes.ts';
import { CloudflareError, isMissing, isRefusal } from './errors.ts';
import { createGate } from './gate.ts';
import { createLooker, inOrder } from './look.ts';
import { createLooks } from './looks.ts';
import { nameOfNew, ownTunnel } from './place.ts';
import { writeRules } from './rules-write.ts';
import { getConnectorToken, postTunnel } from './tunnel-calls.ts';
import type { DnsRecord, Edge, EdgeView, Tunnel } from './types.ts';

export interface EdgeOptions {
  readonly token: string;
  readonly accountId?: string;
  /** Name or id. */
  readonly tunnel: string;
  readonly baseUrl: string;
  readonly owner: string;
  readonly step: Step;
  /** Between looks. */
  readonly intervalMs: number;
  /** What is known has changed, without a write of ours. */
  readonly onChange: () => void;
  readonly warn: (message: string) => void;
  /** Called with each connector's token before anybody gets it, for the log to mask. */
  readonly onSecret: (token: string) => void;
  /** Monotonic, in milliseconds. */
  readonly now?: () => number;
  /** Of one call. */
  readonly timeoutMs?: number;
}

/** Asks nothing before the first `view` or `settle`. */
export function createEdge(options: EdgeOptions): Edge {
  const { token, baseUrl, step, warn, onChange, now = () => performance.now() } = options;
  const gate = createGate(now);
  const api = createApi({
    ...{ token, baseUrl, gate },
    ...(options.timeoutMs !== undefined && { timeoutMs: options.timeoutMs }),
  });
  const { accountId, tunnel } = options;
  const mark = `berth:${options.owner}/`;
  const looker = createLooker({ api, now, mark, tunnel, ...(accountId !== undefined && { accountId }) });
  const looks = createLooks({ looker, gate, intervalMs: options.intervalMs, onChange, now });

  const account = (): string => {
    if (looker.account !== undefined) return looker.account;
    throw new TransientError('the account at Cloudflare is not known yet');
  };
  const connector = createConnectorToken({
    fetch: (of) => getConnectorToken(api, account(), of),
    ...{ now, onChange, onSecret: options.onSecret },
  });
  const dns = dnsWrites({
    ...{ api, step },
    zoneName: (id) => looks.known?.zones.find((zone) => zone.id === id)?.name ?? '',
    saw: (id, record) => looks.patch((view) => withRecord(view, id, record)),
  });

  /**
   * What is in doubt after a write is looked at again at once; what was not where it should be, is asked for anew. When
   * Cloudflare itself did not answer, the writes that follow fail without asking: a pass waits for it once, if at all.
   */
  const write = async (work: () => Promise<void>): Promise<void> => {
    looks.view();
    try {
      await work();
    } catch (error) {
      if (isMissing(error)) looker.forget();
      if (error instanceof CloudflareError && (isMissing(error) || !isRefusal(error))) looks.doubt(error);
      throw error;
    }
  };
  const found = (of: Tunnel): void => {
    looker.learn(of);
    looks.patch(({ rules, ...view }) => ({
      ...view,
      tunnel: of,
      rules: view.tunnel?.id === of.id ? rules : [],
    }));
  };

  return {
    view: looks.view,
    settle: (signal) => orAborted(looks.run().then(connector.settle), signal),
    createTunnel: async () => {
      const name = nameOfNew(tunnel);
      await write(async () => {
        const there = await ownTunnel(api, account(), name);
        const made =
          there ?? (await step(`cloudflare.createTunnel ${name}`, () => postTunnel(api, account(), name)));
        found({ id: made.id, name: made.name });
      });
    },
    createRecord: (want) => write(() => dns.createRecord(want)),
    updateRecord: (id, comment, want) => write(() => dns.updateRecord(id, comment, want)),
    deleteRecord: (record) => write(() => dns.deleteRecord(record)),
    editRules: (edit) =>
      write(async () => {
        const of = looks.view().tunnel;
        if (!of) throw new TransientError(`the tunnel ${tunnel} is not made yet`);
        const rules = await writeRules({ api, step, warn }, { account: account(), tunnel: of }, edit);
        looks.patch((view) => ({ ...view, rules }));
      }),
    connectorToken() {
      const { known } = looks;
      // While nothing is known, the token that was known stays in force: the connector runs on.
      return known && !known.tunnel ? { state: 'pending' } : connector.ask(known?.tunnel);
    },
    close() {
      looks.close();
      api.close();
    },
  };
}

/** The view once this record is as it is now. */
function withRecord(view: EdgeView, id: string, record: DnsRecord | undefined): EdgeView {
  const others = view.records.filter((one) => one.id !== id);
  return { ...view, records: inOrder(record ? [...others, record] : others) };
}

/** Resolves once the signal is given, or when `work` has ended. */
function orAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      signal.removeEventListener('abort', end);
      resolve();
    };
    signal.addEventListener('abort', end);
    void work.then(end, end);
  });
}
