import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { Compile } from 'typebox/compile';
import { CreateUserSchema } from '@noa/contracts';
import { UserPatchSchema } from './schemas.ts';

const patch = Compile(UserPatchSchema);
const create = Compile(CreateUserSchema);
const person = { email: 'ada@noa.example', displayName: 'Ada' };

describe('a profile that is sent', () => {
  it('takes text, numbers, booleans and, to remove a field, null', () => {
    const profile = { city: 'Wien', age: 36, isHappy: true, gone: null };
    assert.ok(patch.Check({ profile }));
    assert.ok(create.Check({ ...person, profile }));
  });

  it('refuses names that are not allowed, whatever they hold, and values that are not plain', () => {
    const wrong = [{ '1st': 1 }, { 'a-b': 1 }, { __proto: 1 }, { '': 1 }, { [`a${'b'.repeat(64)}`]: 1 }, { a: {} }, { a: [] }, { a: 'b\0' }];
    for (const profile of wrong) {
      assert.ok(!patch.Check({ profile }), JSON.stringify(profile));
      assert.ok(!create.Check({ ...person, profile }), JSON.stringify(profile));
    }
  });

  it('refuses more than 50 fields and text of more than 2,000 characters', () => {
    const fields = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${index}`, index]));
    assert.ok(patch.Check({ profile: fields(50) }));
    assert.ok(!patch.Check({ profile: fields(51) }));
    assert.ok(patch.Check({ profile: { a: 'x'.repeat(2_000) } }));
    assert.ok(!patch.Check({ profile: { a: 'x'.repeat(2_001) } }));
  });
});

describe('a patch', () => {
  it('changes at least one thing and nothing that is not a user’s to change', () => {
    assert.ok(!patch.Check({}));
    for (const field of ['id', 'version', 'createdAt', 'updatedAt', 'deletedAt']) assert.ok(!patch.Check({ locale: 'de', [field]: '1' }), field);
  });
});
