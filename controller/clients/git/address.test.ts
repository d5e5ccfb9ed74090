import { networkInterfaces } from 'node:os';
import { describe, expect, it } from 'vitest';
import { StalledError, TransientError } from '../../core/errors.ts';
import { parseRepoUrl, pinAddress, redact } from './address.ts';

function refusal(repo: string, gitAllow: readonly string[] = []): string {
  try {
    parseRepoUrl(repo, gitAllow);
  } catch (error) {
    expect(error).toBeInstanceOf(StalledError);
    return (error as Error).message;
  }
  throw new Error(`${repo} was let through`);
}

describe('the address of a repo', () => {
  it.each([
    '--upload-pack=touch pwned',
    '-oProxyCommand=x',
    'ext::sh -c id',
    'file:///etc',
    'ssh://h/x',
    'git@h:x/y',
    'git://h/x',
    'ftp://h/x',
    'javascript:alert(1)',
    'foo https://github.com/x/y',
    'https://github.com/x y',
    'https://github.com\\@evil.com/x',
    'https://',
    'https://[::1/x',
    '',
  ])('%j is no address for a repo', (repo) => {
    expect(refusal(repo)).toContain('write an https:// address');
  });

  it.each([
    ['https://github.com@evil.com/x', 'remove the user name or token'],
    ['https://github.com.evil.com/', 'names a host but no repository'],
    ['https://github.com:8443/acme/blog', 'port 8443 is not allowed'],
    ['http://github.com/acme/blog', 'use https'],
    ['https://github.com/acme/blog?x=1', 'remove the part from'],
    ['https://github.com/acme/blog#main', 'remove the part from'],
    ['https://github.com./acme/blog', 'remove the dot'],
    ['https://localhost/x', 'not a public address'],
    ['https://2130706433/x', 'not a public address'],
    ['https://0x7f.1/x', 'not a public address'],
    ['https://127.0.0.1/x', 'not a public address'],
    ['https://[::1]/x', 'not a public address'],
    ['https://[::ffff:127.0.0.1]/x', 'not a public address'],
    ['https://[::7f00:1]/x', 'not a public address'],
    ['https://[64:ff9b::a00:1]/x', 'not a public address'],
    ['https://169.254.169.254/x', 'not a public address'],
    ['https://10.1.2.3/x', 'not a public address'],
    ['https://100.64.0.1/x', 'not a public address'],
    ['https://[fd00::1]/x', 'not a public address'],
    ['https://0.0.0.0/x', 'not a public address'],
  ])('%s is refused', (repo, sentence) => {
    expect(refusal(repo)).toContain(sentence);
  });

  it('with a token in it is refused without showing the token', () => {
    for (const repo of [
      'https://me:TOPSECRET@github.com/x',
      'ssh://me:TOP@SECRET@h/x',
      'x https://me:a/SECRET@h/x',
    ]) {
      expect(refusal(repo)).not.toContain('SECRET');
    }
    expect(redact('https://h/x?token=SECRET#SECRET')).toBe('https://h/x');
  });

  it('may be private, plain http or on another port where the operator names the host', () => {
    expect(parseRepoUrl('http://127.0.0.1:3000/a/b', ['127.0.0.1']).port).toBe('3000');
    expect(parseRepoUrl('http://git.home:3000/a/b', ['Git.Home:3000']).host).toBe('git.home:3000');
    expect(parseRepoUrl('https://github.com/acme/blog.git', []).hostname).toBe('github.com');
    expect(refusal('http://git.home:3001/a/b', ['git.home:3000'])).toContain('use https');
  });
});

describe('where packets go', () => {
  const pin = (
    addresses: readonly string[],
    url = 'https://git.example/x',
    gitAllow: readonly string[] = [],
  ) => pinAddress(new URL(url), { gitAllow, resolve: async () => addresses });

  it('is what was checked', async () => {
    expect(await pin(['8.8.8.8', '2606:4700::1111'])).toBe('git.example:443:8.8.8.8,[2606:4700::1111]');
    expect(await pin(['64:ff9b::808:808'])).toBe('git.example:443:[64:ff9b::808:808]');
    expect(await pin(['10.0.0.1'], 'http://git.home/x', ['git.home'])).toBe('git.home:80:10.0.0.1');
    expect(await pin([], 'https://8.8.8.8/x')).toBeUndefined();
  });

  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? [])[0]?.address ?? '127.0.0.1';

  it.each([
    ['8.8.8.8', '10.0.0.1'],
    ['127.0.0.1'],
    ['::ffff:7f00:1'],
    ['fe80::1'],
    ['198.18.0.1'],
    ['nonsense'],
    [own],
  ])('is nowhere when one answer is %s', async (...addresses) => {
    await expect(pin(addresses)).rejects.toThrow(StalledError);
  });

  it('is nowhere, for now, when the name has no address', async () => {
    await expect(pin([])).rejects.toThrow(TransientError);
    const resolve = () => Promise.reject(new Error('ENOTFOUND'));
    await expect(pinAddress(new URL('https://x.example/x'), { gitAllow: [], resolve })).rejects.toThrow(
      "can't be looked up",
    );
  });
});
