/** The calls on zones and DNS records. Each is one request, or one for each page. */
import type { Api } from './api.ts';
import { allPages } from './pages.ts';
import { accountOf, recordOf, type ZoneRow, zoneOf } from './shapes.ts';
import type { DnsRecord, RecordWant, Zone } from './types.ts';

/** The most that the API gives. */
const ZONES_PER_PAGE = 50;
/** The API gives up to 5,000,000; a zone of the free plan has 200 at most. */
const RECORDS_PER_PAGE = 1000;

/** Every zone that the token can see, of whatever account. */
export function listZones(api: Api): Promise<readonly ZoneRow[]> {
  const ask = { what: 'list the zones', needs: 'Zone:Read' } as const;
  return allPages(
    (page, take) =>
      api.call(
        ask,
        (cf, options) => cf.zones.list({ page, per_page: ZONES_PER_PAGE }, options).asResponse(),
        take,
      ),
    { whole: true, item: zoneOf },
  );
}

/** Accounts of the token's user; an account's own token may not ask. */
export function listAccounts(api: Api): Promise<readonly { readonly id: string; readonly name: string }[]> {
  return allPages(
    (page, take) =>
      api.call(
        { what: 'list the accounts' },
        (cf, options) => cf.accounts.list({ page, per_page: 50 }, options).asResponse(),
        take,
      ),
    { whole: true, item: accountOf },
  );
}

/** Every record of a zone, of every type. */
export function listRecords(api: Api, { id, name }: Zone): Promise<readonly DnsRecord[]> {
  const ask = { what: `list the DNS records of ${name}`, needs: 'DNS:Edit' } as const;
  const query = { zone_id: id, per_page: RECORDS_PER_PAGE };
  return allPages(
    (page, take) =>
      api.call(ask, (cf, options) => cf.dns.records.list({ ...query, page }, options).asResponse(), take),
    { whole: true, item: recordOf(id) },
  );
}

/** Every record of one name. */
export async function recordsOfName(api: Api, zone: string, name: string): Promise<readonly DnsRecord[]> {
  const ask = { what: `read the DNS records of ${name}`, needs: 'DNS:Edit' } as const;
  const query = { zone_id: zone, per_page: RECORDS_PER_PAGE, name: { exact: name } };
  const records = await allPages(
    (page, take) =>
      api.call(ask, (cf, options) => cf.dns.records.list({ ...query, page }, options).asResponse(), take),
    { whole: false, item: recordOf(zone) },
  );
  return records.filter((record) => record.name === name);
}

/** Throws CloudflareError with status 404 when it is gone. */
export function getRecord(api: Api, zone: string, id: string): Promise<DnsRecord> {
  return api.call(
    { what: `read the DNS record ${id}`, needs: 'DNS:Edit' },
    (cf, options) => cf.dns.records.get(id, { zone_id: zone }, options).asResponse(),
    ({ result }) => recordOf(zone)(result),
  );
}

/** Makes a proxied CNAME; a proxied record's TTL is automatic (1). */
export function postRecord(api: Api, want: RecordWant): Promise<DnsRecord> {
  return api.call(
    { what: `create the DNS record ${want.name}`, needs: 'DNS:Edit', writes: true },
    (cf, options) => cf.dns.records.create(bodyOf(want), options).asResponse(),
    ({ result }) => recordOf(want.zone)(result),
  );
}

/** Changes just these members; others, such as tags, stay. */
export function patchRecord(api: Api, id: string, want: RecordWant): Promise<DnsRecord> {
  return api.call(
    { what: `update the DNS record ${want.name}`, needs: 'DNS:Edit', writes: true },
    (cf, options) => cf.dns.records.edit(id, bodyOf(want), options).asResponse(),
    ({ result }) => recordOf(want.zone)(result),
  );
}

/** Throws CloudflareError with status 404 when it is gone already. */
export function deleteRecord(api: Api, zone: string, id: string): Promise<void> {
  return api.call(
    { what: `delete the DNS record ${id}`, needs: 'DNS:Edit', writes: true },
    (cf, options) => cf.dns.records.delete(id, { zone_id: zone }, options).asResponse(),
    () => undefined,
  );
}

function bodyOf({ zone, name, content, comment }: RecordWant) {
  return { zone_id: zone, type: 'CNAME', name, content, comment, proxied: true, ttl: 1 } as const;
}
