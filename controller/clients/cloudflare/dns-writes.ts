/**
 * Writes of DNS records. Each asks first and changes nothing that is not marked as its own: between the look and the
 * write anybody may have changed the record, or have made one of that name.
 */
import { TransientError } from '../../core/errors.ts';
import type { Step } from '../../core/step.ts';
import type { Api } from './api.ts';
import { deleteRecord, getRecord, patchRecord, postRecord, recordsOfName } from './dns-calls.ts';
import { CloudflareError, isMissing, NonsenseError } from './errors.ts';
import { isInTheWay } from './in-the-way.ts';
import type { DnsRecord, Edge, RecordWant } from './types.ts';

export interface DnsWritesOptions {
  readonly api: Api;
  readonly step: Step;
  /** Names a zone by its id, for what may stand on a domain's own name. */
  readonly zoneName: (id: string) => string;
  /** A record was seen as it is now; undefined once it is gone. */
  readonly saw: (id: string, record: DnsRecord | undefined) => void;
}

/** Something of that name is there: 81053, 81054 and 81056 by type, 81057 and 81058 an identical one. */
const EXISTS = new Set([81053, 81054, 81056, 81057, 81058]);

/** The record part of the edge. */
export function dnsWrites({
  api,
  step,
  zoneName,
  saw,
}: DnsWritesOptions): Pick<Edge, 'createRecord' | 'updateRecord' | 'deleteRecord'> {
  const put = async (id: string, want: RecordWant): Promise<void> => {
    const record = await step(`cloudflare.updateRecord ${want.name}`, () => patchRecord(api, id, want));
    saw(id, checked(record, want));
  };

  /** True when it is there and ours; throws when something else is in the way. */
  const adopt = async (want: RecordWant): Promise<boolean> => {
    const there = await recordsOfName(api, want.zone, want.name);
    for (const record of there) saw(record.id, record);
    const own = there.find(({ comment, type }) => comment === want.comment && type === 'CNAME');
    const other = there.find((record) => record !== own && isInTheWay(record, zoneName(want.zone)));
    if (own) {
      if (!isAsWanted(own, want)) await put(own.id, want);
      return true;
    }
    if (other)
      throw new TransientError(`${want.name} has a ${other.type} record that is not ours: ${other.content}`);
    return false;
  };

  /** The record as it is, if it still has this comment. */
  const own = async (zone: string, id: string, comment: string): Promise<DnsRecord | undefined> => {
    const record = await getRecord(api, zone, id).catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw error;
    });
    saw(id, record);
    if (record && record.comment !== comment)
      throw new TransientError(
        `the DNS record ${record.name} is no longer marked as ours (${comment}): it is left alone`,
      );
    return record;
  };

  return {
    async createRecord(want) {
      if (await adopt(want)) return;
      try {
        const made = await step(`cloudflare.createRecord ${want.name}`, () => postRecord(api, want));
        saw(made.id, checked(made, want));
      } catch (error) {
        // Somebody was faster, or an older call of ours was carried out late.
        const exists = error instanceof CloudflareError && error.codes.some((code) => EXISTS.has(code));
        if (!exists || !(await adopt(want))) throw error;
      }
    },
    async updateRecord(id, comment, want) {
      if (!(await own(want.zone, id, comment)))
        throw new TransientError(`the DNS record ${want.name} is gone`);
      await put(id, want);
    },
    async deleteRecord({ zone, id, comment }) {
      const record = await own(zone, id, comment);
      if (!record) return;
      await step(`cloudflare.deleteRecord ${record.name}`, () => deleteRecord(api, zone, id)).catch(
        (error) => {
          if (!isMissing(error)) throw error;
        },
      );
      saw(id, undefined);
    },
  };
}

function isAsWanted({ name, content, proxied, comment }: DnsRecord, want: RecordWant): boolean {
  return name === want.name && content === want.content && proxied && comment === want.comment;
}

/** The API's answer to a write is the record as it is now. */
function checked(record: DnsRecord, want: RecordWant): DnsRecord {
  if (isAsWanted(record, want)) return record;
  throw new CloudflareError(`Cloudflare made another DNS record of ${want.name} than it was asked for`, {
    doubtful: true,
    cause: new NonsenseError(record.name),
  });
}
