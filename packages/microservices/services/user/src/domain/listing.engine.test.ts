import { after, before, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { setupUsers } from '../testing/setupUsers.ts';

let setup: Awaited<ReturnType<typeof setupUsers>>;

before(async () => {
  setup = await setupUsers('listing');
});
after(() => setup.stop());

async function fill(from: number, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let start = 0; start < count; start += 10) {
    const batch = Array.from({ length: Math.min(10, count - start) }, async (_, index) => {
      const { user } = await setup.users.create({ email: `listed-${from + start + index}@noa.example`, displayName: 'Ada' });
      return user.id;
    });
    ids.push(...(await Promise.all(batch)));
    await setup.clock.advance(1);
  }
  return ids;
}

describe('list over shards', () => {
  it('shows each of 300 users once, in one order, while others come and go', async () => {
    const ids = await fill(0, 300);
    for (const { database } of setup.databases) {
      const { rows } = await database.query<{ count: number }>('SELECT count(*)::int AS count FROM users.users');
      assert.ok(rows[0]!.count > 50, 'both shards have a share');
    }
    const doomed = ids.filter((_, index) => index % 10 === 3);
    const throughout = ids.filter((_, index) => index % 10 !== 3);
    const traffic = (async () => {
      for (const [index, id] of doomed.entries()) {
        await setup.users.remove(id);
        await setup.users.create({ email: `late-${index}@noa.example`, displayName: 'Late' });
      }
    })();
    const seen: string[] = [];
    let after: string | undefined;
    let pages = 0;
    do {
      const page = await setup.users.list(17, after);
      assert.ok(page.users.length <= 17);
      seen.push(...page.users.map((user) => user.id));
      after = page.next;
      pages += 1;
    } while (after !== undefined && pages < 100);
    await traffic;
    assert.equal(new Set(seen).size, seen.length, 'none twice');
    assert.deepEqual(seen, seen.toSorted(), 'in order');
    assert.deepEqual(
      throughout.filter((id) => !seen.includes(id)),
      [],
      'none missing',
    );
    const { users } = await setup.users.list(100, ids.toSorted().at(-1));
    assert.equal(users.length, doomed.length, 'the late ones come after');
    assert.deepEqual(await setup.users.list(100, users.at(-1)!.id), { users: [] });
  });
});
