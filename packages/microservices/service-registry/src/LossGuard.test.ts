import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { InstanceStatus, type Instance } from './Instance.ts';
import { LossGuard, type LossVerdict } from './LossGuard.ts';
import { sampleInstance } from './providers/RegistryProvider.conformance.ts';

const HOLD_MS = 30_000;

function fleet(service: string, count: number, first = 0): Instance[] {
  return Array.from({ length: count }, (_, index) =>
    sampleInstance(`${service}-${first + index}`, { service, host: `${service}.example`, port: 4_000 + first + index }),
  );
}

/** A discovery in small: keeps what it is told to. */
function setup(known: readonly Instance[]) {
  const guard = new LossGuard();
  let nowMs = 0;
  let inUse = known;
  const look = (next: readonly Instance[], options: { afterMs?: number; isAfterOutage?: boolean } = {}): LossVerdict => {
    nowMs += options.afterMs ?? 0;
    const verdict = guard.judge({ known: inUse, next, nowMs, isAfterOutage: options.isAfterOutage ?? false });
    inUse = [...next, ...verdict.kept];
    return verdict;
  };
  const ids = (): string[] => inUse.map(({ id }) => id).toSorted();
  return { look, ids };
}

const idsOf = (instances: readonly Instance[]): string[] => instances.map(({ id }) => id);

test('half of a service is kept, however large the rest of the fleet is, and the service is named', () => {
  const others = fleet('auth', 40);
  const { look } = setup([...others, ...fleet('user', 4)]);
  const { kept, begun } = look([...others, ...fleet('user', 2)]);
  assert.deepEqual(idsOf(kept), ['user-2', 'user-3']);
  assert.deepEqual(begun, ['user']);
});

test('many small services that vanish together are kept', () => {
  const names = ['auth', 'user', 'notification', 'audit'];
  const { look } = setup(names.flatMap((service) => fleet(service, 1)));
  const { kept, begun } = look(fleet('auth', 1));
  assert.equal(kept.length, 3);
  assert.deepEqual(begun, ['*']);
});

test('a registry that lists nobody at all is not believed about two instances, but is about one', () => {
  const two = setup([...fleet('auth', 1), ...fleet('user', 1)]);
  assert.equal(two.look([]).kept.length, 2);
  const one = setup(fleet('user', 1));
  assert.equal(one.look([]).kept.length, 0);
});

test('after an outage of the registry even a lone instance is kept, until the time for coming back is over', () => {
  const known = [...fleet('auth', 1), ...fleet('user', 2)];
  const { look, ids } = setup(known);
  assert.deepEqual(idsOf(look(fleet('user', 2), { isAfterOutage: true }).kept), ['auth-0']);
  assert.equal(ids().length, 3);
  assert.deepEqual(look(fleet('user', 2), { afterMs: 1_000 }), { kept: [], begun: [] });
  assert.deepEqual(ids(), ['user-0', 'user-1']);
});

test('an instance that another has replaced is not kept after an outage', () => {
  const { look } = setup(fleet('user', 1));
  assert.deepEqual(look(fleet('user', 1, 7), { isAfterOutage: true }), { kept: [], begun: [] });
});

test('whole services that started again at their addresses leave nobody behind when the old leases run out', () => {
  const before = [...fleet('auth', 4), ...fleet('user', 4)];
  const after = before.map((instance) => ({ ...instance, id: `${instance.id}-next` }));
  const { look } = setup([...before, ...after]);
  assert.deepEqual(look(after, { isAfterOutage: true }), { kept: [], begun: [] });
});

test('others that come one after the other take the place of the lost in the end', () => {
  const { look, ids } = setup(fleet('user', 4));
  assert.equal(look(fleet('user', 1, 10)).kept.length, 4);
  assert.equal(look(fleet('user', 2, 10), { afterMs: 1_000 }).kept.length, 4);
  assert.equal(look(fleet('user', 3, 10), { afterMs: 1_000 }).kept.length, 0);
  assert.deepEqual(ids(), ['user-10', 'user-11', 'user-12']);
});

test('a newcomer in maintenance takes nobody’s place', () => {
  const { look } = setup(fleet('user', 4));
  const idle = fleet('user', 4, 10).map((instance) => ({ ...instance, status: InstanceStatus.Maintenance }));
  assert.equal(look(idle).kept.length, 4);
});

test('a suspicion is begun once, and given up after 30 s', () => {
  const { look, ids } = setup(fleet('user', 4));
  assert.equal(look([]).begun.length, 2);
  assert.deepEqual(look([], { afterMs: HOLD_MS - 1 }).begun, []);
  assert.equal(ids().length, 4);
  look([], { afterMs: 1 });
  assert.deepEqual(ids(), []);
});

test('a service that comes under suspicion later is given up too: no suspicion feeds another', () => {
  const auth = fleet('auth', 4);
  const { look, ids } = setup([...auth, ...fleet('user', 4)]);
  look(auth);
  look([], { afterMs: 20_000 });
  for (let second = 0; second < 2 * (HOLD_MS / 1_000); second += 1) look([], { afterMs: 1_000 });
  assert.deepEqual(ids(), []);
});

test('what is listed is never lost, and what was not known is never kept, whatever happens', () => {
  const anyList = fc.uniqueArray(fc.nat(11), { maxLength: 12 });
  const anyLook = fc.record({ numbers: anyList, afterMs: fc.nat(20_000), isAfterOutage: fc.boolean() });
  fc.assert(
    fc.property(fc.array(anyLook, { minLength: 1, maxLength: 30 }), (looks) => {
      const { look, ids } = setup([]);
      let before = new Set<string>();
      for (const { numbers, ...options } of looks) {
        const next = numbers.map((number) => sampleInstance(`i-${number}`, { service: `service-${number % 3}`, port: 4_000 + number }));
        const { kept } = look(next, options);
        const listed = new Set(idsOf(next));
        for (const id of listed) assert.ok(ids().includes(id));
        for (const { id } of kept) assert.ok(before.has(id) && !listed.has(id), id);
        assert.equal(new Set(ids()).size, ids().length);
        before = new Set(ids());
      }
      // Nothing is kept for ever.
      look([]);
      for (let index = 0; index < 4; index += 1) look([], { afterMs: HOLD_MS });
      assert.deepEqual(ids(), []);
    }),
  );
});
